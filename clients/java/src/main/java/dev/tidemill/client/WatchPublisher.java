package dev.tidemill.client;

import java.util.concurrent.CancellationException;
import java.util.concurrent.Flow;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/** A watch for a subscriber: a thread iterates as far as it is asked to. */
final class WatchPublisher implements Flow.Publisher<Event> {
    private final Watch watch;
    private final AtomicBoolean taken = new AtomicBoolean();

    WatchPublisher(Watch watch) {
        this.watch = watch;
    }

    @Override
    public void subscribe(Flow.Subscriber<? super Event> subscriber) {
        if (taken.getAndSet(true)) {
            subscriber.onSubscribe(new Refused());
            subscriber.onError(new IllegalStateException("a watch has one subscriber"));
            return;
        }
        Subscription subscription = new Subscription(subscriber);
        subscriber.onSubscribe(subscription);
        Background.POOL.execute(subscription::run);
    }

    private static final class Refused implements Flow.Subscription {
        @Override
        public void request(long events) {}

        @Override
        public void cancel() {}
    }

    private final class Subscription implements Flow.Subscription {
        private final Flow.Subscriber<? super Event> subscriber;
        private final Semaphore demand = new Semaphore(0);
        private volatile boolean cancelled;
        private volatile boolean misused;

        Subscription(Flow.Subscriber<? super Event> subscriber) {
            this.subscriber = subscriber;
        }

        @Override
        public void request(long events) {
            misused |= events <= 0;
            // As much as the semaphore can hold is as good as without bounds.
            long room = Integer.MAX_VALUE / 2 - (long) demand.availablePermits();
            demand.release((int) Math.max(1, Math.min(events, room)));
        }

        @Override
        public void cancel() {
            cancelled = true;
            demand.release();
            watch.close();
        }

        void run() {
            try {
                while (!cancelled && watch.hasNext()) {
                    demand.acquire();
                    if (misused) {
                        watch.close();
                        throw new IllegalArgumentException("request for less than one event");
                    }
                    if (!cancelled) {
                        subscriber.onNext(watch.next());
                    }
                }
                if (!cancelled) {
                    subscriber.onComplete();
                }
            } catch (RuntimeException failed) {
                if (!cancelled) {
                    subscriber.onError(failed);
                }
            } catch (InterruptedException interrupted) {
                subscriber.onError(new CancellationException("interrupted"));
            }
        }
    }
}
