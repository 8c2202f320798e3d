package dev.tidemill.client;

import dev.tidemill.v1.ResultsServiceGrpc;
import dev.tidemill.v1.WatchResultsRequest;
import dev.tidemill.v1.WatchResultsResponse;
import dev.tidemill.v1.WatchTarget;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Follows many tasks over one stream, each as a {@link Watch} does: every event once and in order.
 * A task leaves by itself after its result or an error, which is told as a {@link Watched}. Ends
 * when {@link #finish} was called and every task has left. One thread iterates; any may add,
 * remove, finish and close.
 *
 * <pre>{@code
 * try (WatchMany watch = client.watchMany()) {
 *     ids.forEach(id -> watch.add(id, 0));
 *     watch.finish();
 *     for (Watched watched : watch) {
 *         System.out.println(watched);
 *     }
 * }
 * }</pre>
 */
public final class WatchMany implements Iterable<Watched>, Iterator<Watched>, AutoCloseable {
    /** Tasks that one message adds: a message of a thousand ids is about 40 KB. */
    private static final int PART = 1_000;

    private static final Duration FAR = Duration.ofHours(1);

    private final Shared shared;
    private final Patience patience;
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private final BlockingQueue<Object> inbox = new LinkedBlockingQueue<>();
    private final Map<String, Cursor> cursors = new HashMap<>();

    /** Left the open stream while events of them could still be on their way. */
    private final Set<String> left = new HashSet<>();

    /** Tasks that were refused for the moment: when to add them again. */
    private final Map<String, Long> again = new HashMap<>();

    /** What is to be told of tasks that no stream could be had for. */
    private final ArrayDeque<Watched> told = new ArrayDeque<>();

    private Consumer<TidemillException> onBreak = error -> {};
    private volatile StreamCall<WatchResultsRequest, WatchResultsResponse> stream;
    private boolean finished;
    private Watched ready;

    private record Add(String taskId, long after) {}

    private record Remove(String taskId) {}

    private enum Sign {
        FINISH,
        CLOSE
    }

    WatchMany(Shared shared) {
        this.shared = shared;
        this.patience = new Patience(shared.limits);
    }

    /** As {@link Watch#giveUpAfter}: then every task that is left is told the last error. */
    public WatchMany giveUpAfter(Duration time) {
        patience.giveUpAfter = time;
        return this;
    }

    /** As {@link Watch#onBreak}. */
    public WatchMany onBreak(Consumer<TidemillException> listener) {
        onBreak = listener;
        return this;
    }

    /**
     * Watches a task from after this event of its log; 0 is the beginning. Adding one that is
     * watched already restarts it from there. One stream takes 10,000 tasks unless the server is
     * configured otherwise; a task beyond that is answered with an error.
     */
    public void add(String taskId, long afterSequence) {
        inbox.add(new Add(taskId, afterSequence));
    }

    /** Stops watching a task. Events that are on their way may still come. */
    public void remove(String taskId) {
        inbox.add(new Remove(taskId));
    }

    /** Says that no more tasks will be added: the iteration ends when every task has left. */
    public void finish() {
        inbox.add(Sign.FINISH);
    }

    /** Ends it at once, also for a thread that waits in it. */
    @Override
    public void close() {
        closed.complete(null);
        inbox.add(Sign.CLOSE);
        StreamCall<?, ?> open = stream;
        if (open != null) {
            open.cancel("closed");
        }
    }

    /** This very watch: it can be gone through once. */
    @Override
    public Iterator<Watched> iterator() {
        return this;
    }

    /** Waits for what comes next of any task; false at the end. */
    @Override
    public boolean hasNext() {
        try {
            ready = ready == null ? advance() : ready;
            return ready != null;
        } catch (InterruptedException interrupted) {
            throw Futures.interrupted();
        }
    }

    @Override
    public Watched next() {
        if (!hasNext()) {
            throw new NoSuchElementException("every task has left");
        }
        Watched watched = ready;
        ready = null;
        return watched;
    }

    private Watched advance() throws InterruptedException {
        while (!closed.isDone()) {
            if (!told.isEmpty()) {
                return told.poll();
            }
            if (cursors.isEmpty() && finished) {
                break;
            }
            if (stream == null && !cursors.isEmpty()) {
                takeCommands();
                tryOpen();
                continue;
            }
            Object next = inbox.poll(untilDue().toNanos(), TimeUnit.NANOSECONDS);
            if (next == null) {
                addAgain();
            } else if (next instanceof StreamCall.Signal signal) {
                Watched watched = signal.of() == stream ? hear(signal) : null;
                if (watched != null) {
                    return watched;
                }
            } else {
                obey(next);
            }
        }
        leave();
        return null;
    }

    private Duration untilDue() {
        long now = System.nanoTime();
        return again.values().stream()
                .map(due -> Duration.ofNanos(Math.max(0, due - now)))
                .min(Duration::compareTo)
                .orElse(FAR);
    }

    /** What was said while there was no stream. */
    private void takeCommands() {
        for (Object next = inbox.poll(); next != null; next = inbox.poll()) {
            if (!(next instanceof StreamCall.Signal)) {
                obey(next);
            }
        }
    }

    private void obey(Object command) {
        if (command instanceof Add add) {
            boolean restarts = cursors.containsKey(add.taskId) || left.remove(add.taskId);
            cursors.put(
                    add.taskId, restarts ? Cursor.restarting(add.after) : new Cursor(add.after));
            again.remove(add.taskId);
            say(WatchResultsRequest.newBuilder().addAdd(target(add.taskId, add.after)).build());
        } else if (command instanceof Remove remove) {
            if (cursors.remove(remove.taskId) != null && stream != null) {
                left.add(remove.taskId);
            }
            again.remove(remove.taskId);
            say(WatchResultsRequest.newBuilder().addRemove(remove.taskId).build());
        } else if (command == Sign.FINISH) {
            finished = true;
        }
    }

    /** A stream that is gone is noticed by its end, and the next one is told everything. */
    private void say(WatchResultsRequest request) {
        if (stream != null) {
            stream.send(request);
        }
    }

    private void tryOpen() throws InterruptedException {
        if (cursors.isEmpty()) {
            return;
        }
        try {
            Opener opener = new Opener(shared, closed);
            var method = ResultsServiceGrpc.getWatchResultsMethod();
            var opened = opener.open(method, inbox, this::begin, this::obey);
            if (opened != null) {
                patience.establish();
            }
        } catch (TidemillException error) {
            stream = null;
            broke(error.fault(), null);
        } catch (InterruptedException interrupted) {
            stream = null;
            throw interrupted;
        }
    }

    private void begin(StreamCall<WatchResultsRequest, WatchResultsResponse> opening) {
        stream = opening;
        again.clear();
        left.clear();
        cursors.values().forEach(Cursor::begin);
        tell(cursors.keySet());
    }

    private void tell(Iterable<String> taskIds) {
        List<WatchTarget> targets = new ArrayList<>();
        for (String id : taskIds) {
            targets.add(target(id, cursors.get(id).lastSequence()));
        }
        for (int from = 0; from < targets.size(); from += PART) {
            int to = Math.min(from + PART, targets.size());
            say(WatchResultsRequest.newBuilder().addAllAdd(targets.subList(from, to)).build());
        }
    }

    /** The stream broke, or could not be had. */
    private void broke(Fault fault, StreamCall<?, ?> broken) throws InterruptedException {
        try {
            Duration pause = patience.bear(fault, broken);
            if (patience.established()) {
                onBreak.accept(fault.exception());
            }
            pause(pause);
        } catch (TidemillException over) {
            patience.restore();
            cursors.keySet().forEach(id -> told.add(Watched.of(id, over.fault())));
            cursors.clear();
        }
    }

    private void pause(Duration pause) throws InterruptedException {
        long until = Clock.in(pause);
        while (!closed.isDone() && !Clock.passed(until)) {
            Object next = inbox.poll(Clock.until(until).toNanos(), TimeUnit.NANOSECONDS);
            if (next != null && !(next instanceof StreamCall.Signal)) {
                obey(next);
            }
        }
    }

    private Watched hear(StreamCall.Signal signal) throws InterruptedException {
        if (signal instanceof StreamCall.Closed end) {
            Fault early =
                    Fault.broken(
                            Outcome.NOT_APPLIED,
                            shared.results.address,
                            "the stream ended before the results");
            StreamCall<?, ?> broken = stream;
            stream = null;
            broke(end.fault() == null ? early : end.fault(), broken);
            return null;
        }
        if (!(signal instanceof StreamCall.Message message)) {
            return null;
        }
        patience.restore();
        stream.more();
        return hear((WatchResultsResponse) message.content());
    }

    private Watched hear(WatchResultsResponse message) {
        String id = message.getTaskId();
        Cursor cursor = cursors.get(id);
        if (cursor == null) {
            // One that was removed, while this was on its way.
            return null;
        }
        String address = shared.results.address;
        if (message.hasEvent()) {
            Event event = Event.of(message.getEvent());
            try {
                if (!cursor.accept(event, address)) {
                    return null;
                }
            } catch (TidemillException hole) {
                drop(id);
                left.add(id);
                say(WatchResultsRequest.newBuilder().addRemove(id).build());
                return Watched.of(id, hole.fault());
            }
            if (cursor.finished()) {
                drop(id);
            }
            return Watched.of(id, event);
        }
        if (!message.hasError()) {
            return null;
        }
        Fault fault = Statuses.read(message.getError(), address);
        Again next = fault.resume();
        if (next.how() == Again.How.WHEN_BACK) {
            again.put(id, Clock.in(next.delay().plus(Backoff.wait(1, FAR))));
            return null;
        }
        drop(id);
        return Watched.of(id, fault);
    }

    /** Its log is over, or cannot be had. One that was restarted may have two ends on their way. */
    private void drop(String id) {
        if (cursors.remove(id).restarted()) {
            left.add(id);
        }
    }

    private void addAgain() {
        List<String> due = new ArrayList<>();
        again.forEach(
                (id, at) -> {
                    if (Clock.passed(at) && cursors.containsKey(id)) {
                        due.add(id);
                    }
                });
        again.values().removeIf(Clock::passed);
        tell(due);
    }

    private void leave() {
        if (stream != null) {
            stream.cancel("left");
            stream = null;
        }
    }

    private static WatchTarget target(String taskId, long after) {
        return WatchTarget.newBuilder().setTaskId(taskId).setAfterSequence(after).build();
    }
}
