package dev.tidemill.client;

import dev.tidemill.v1.ResultsServiceGrpc;
import dev.tidemill.v1.WatchResultRequest;
import dev.tidemill.v1.WatchResultResponse;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Follows one task: yields every event of its log after the cursor, in order and once each, and
 * ends after the result. Where a stream breaks it opens another from the last event it yielded. One
 * thread iterates; any may {@link #close}. Iterating throws a {@link TidemillException} where no
 * other stream would mend it, e.g. for an unknown task, or if no stream could be had for too long.
 * An interrupt ends the wait with a {@link java.util.concurrent.CancellationException}; no event is
 * lost, and the iteration can go on.
 */
public final class Watch implements Iterable<Event>, Iterator<Event>, AutoCloseable {
    private static final Object WAKE = new Object();

    private final Shared shared;
    private final String taskId;
    private final Patience patience;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private final BlockingQueue<Object> inbox = new LinkedBlockingQueue<>();
    private Consumer<TidemillException> onBreak = error -> {};
    private Cursor cursor = new Cursor(0);
    private volatile StreamCall<WatchResultRequest, WatchResultResponse> stream;
    private boolean begun;
    private boolean over;
    private Event ready;
    private volatile long lastSequence;

    Watch(Shared shared, String taskId) {
        this.shared = shared;
        this.taskId = taskId;
        this.patience = new Patience(shared.limits);
    }

    /**
     * Starts after this event instead of at the beginning. The result comes even if this is its own
     * number.
     */
    public Watch after(long sequence) {
        settable();
        cursor = new Cursor(sequence);
        lastSequence = sequence;
        return this;
    }

    /**
     * Ends with the last error when no stream could be had for this long. Without it: 5 min. Before
     * the first stream, the client's timeout and tries count instead: the address may be wrong.
     */
    public Watch giveUpAfter(Duration time) {
        settable();
        patience.giveUpAfter = time;
        return this;
    }

    /**
     * Hears of every break that the watch is about to mend; not of vain tries before the first
     * stream.
     */
    public Watch onBreak(Consumer<TidemillException> listener) {
        settable();
        onBreak = listener;
        return this;
    }

    /** Number of the last event that was yielded: go on from here with {@link #after}. */
    public long lastSequence() {
        return lastSequence;
    }

    /** This very watch: it can be gone through once. */
    @Override
    public Iterator<Event> iterator() {
        return this;
    }

    /** Waits for the next event; false after the result, after an error, and once closed. */
    @Override
    public boolean hasNext() {
        if (ready != null) {
            return true;
        }
        begun = true;
        try {
            ready = over || closed.isDone() ? null : advance();
            return ready != null;
        } catch (InterruptedException interrupted) {
            throw Futures.interrupted();
        } catch (RuntimeException failed) {
            over = true;
            leave();
            throw failed;
        }
    }

    @Override
    public Event next() {
        if (!hasNext()) {
            throw new NoSuchElementException("the log is over");
        }
        Event event = ready;
        ready = null;
        lastSequence = Math.max(lastSequence, event.sequence());
        return event;
    }

    /** Skips to the end. */
    public TaskResult result() {
        while (hasNext()) {
            if (next() instanceof Event.Result end) {
                return end.result();
            }
        }
        throw new IllegalStateException("the watch was closed, or has been read to its end");
    }

    /**
     * The same events for one subscriber, at the rate it asks for. Each publisher that is
     * subscribed to takes a thread; for many tasks see {@link Client#watchMany}.
     */
    public Flow.Publisher<Event> publisher() {
        return new WatchPublisher(this);
    }

    /** Ends it, also for a thread that waits in it. */
    @Override
    public void close() {
        closed.complete(null);
        inbox.add(WAKE);
        // A stream that this misses is left by whoever iterates.
        Background.POOL.execute(this::cancelStream);
    }

    private void cancelStream() {
        StreamCall<?, ?> open = stream;
        if (open != null) {
            open.cancel("closed");
        }
    }

    private void settable() {
        if (begun) {
            throw new IllegalStateException("the watch has begun");
        }
    }

    /** Null: over. */
    private Event advance() throws InterruptedException {
        Opener opener = new Opener(shared, closed);
        while (!closed.isDone()) {
            Fault fault;
            StreamCall<?, ?> broken = stream;
            try {
                if (stream == null) {
                    stream =
                            opener.open(
                                    ResultsServiceGrpc.getWatchResultMethod(),
                                    inbox,
                                    this::ask,
                                    other -> {});
                    if (stream == null) {
                        break;
                    }
                    patience.establish();
                    broken = stream;
                }
                Event event = read();
                if (event != null) {
                    over = cursor.finished();
                    if (over) {
                        leave();
                    }
                    return event;
                }
                continue;
            } catch (TidemillException error) {
                fault = error.fault();
            }
            leave();
            Duration pause = patience.bear(fault, broken);
            if (patience.established()) {
                onBreak.accept(fault.exception());
            }
            sleep(pause);
        }
        leave();
        return null;
    }

    private void ask(StreamCall<WatchResultRequest, WatchResultResponse> opened) {
        opened.send(
                WatchResultRequest.newBuilder()
                        .setTaskId(taskId)
                        .setAfterSequence(cursor.lastSequence())
                        .build());
        opened.halfClose();
    }

    /** The next event of the stream; null: something that is none. */
    private Event read() throws InterruptedException {
        Object next = inbox.take();
        if (!(next instanceof StreamCall.Signal signal) || signal.of() != stream) {
            return null;
        }
        String address = shared.results.address;
        if (signal instanceof StreamCall.Closed end) {
            Fault early =
                    Fault.broken(
                            Outcome.NOT_APPLIED, address, "the stream ended before the result");
            throw (end.fault() == null ? early : end.fault()).exception();
        }
        if (!(signal instanceof StreamCall.Message message)) {
            return null;
        }
        WatchResultResponse response = (WatchResultResponse) message.content();
        if (!response.hasEvent()) {
            throw Fault.contract(address, "a message without an event").exception();
        }
        Event event = Event.of(response.getEvent());
        patience.restore();
        stream.more();
        return cursor.accept(event, address) ? event : null;
    }

    private void sleep(Duration pause) throws InterruptedException {
        long until = Clock.in(pause);
        while (!closed.isDone() && !Clock.passed(until)) {
            inbox.poll(Clock.until(until).toNanos(), TimeUnit.NANOSECONDS);
        }
    }

    private void leave() {
        if (stream != null) {
            stream.cancel("left");
            stream = null;
        }
    }
}
