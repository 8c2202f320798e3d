package dev.tidemill.client;

import dev.tidemill.v1.CompleteTaskRequest;
import dev.tidemill.v1.WorkRequest;
import java.util.concurrent.CompletionStage;

/** Runs one handler and puts into words how it ended. */
final class Job implements Runnable {
    /** Far above the largest output of any server (1 MiB), and below the largest message. */
    private static final int MOST_OUTPUT = 4 * 1024 * 1024;

    private final Handler handler;
    private final Context context;
    private final Reports reports;
    private Thread thread;
    private CompletionStage<?> stage;
    private boolean stopped;
    private volatile boolean over;

    /**
     * How it ended, put down before it is reported: what waits for a stream must not be taken for
     * what still runs.
     */
    private volatile WorkRequest settle;

    private volatile Throwable thrown;
    private volatile boolean begun;

    Job(Handler handler, Context context, Reports reports) {
        this.handler = handler;
        this.context = context;
        this.reports = reports;
    }

    Context context() {
        return context;
    }

    /** The handler has ended, or will never begin. */
    boolean isOver() {
        return over;
    }

    /** How the handler ended; null: it has not. */
    WorkRequest settle() {
        return settle;
    }

    /** What the handler threw; null: nothing. */
    Throwable thrown() {
        return thrown;
    }

    boolean hasBegun() {
        return begun;
    }

    /** Interrupts the handler. Nothing it says counts any more. */
    synchronized void stop() {
        stopped = true;
        context.end();
        if (thread != null) {
            thread.interrupt();
        } else if (stage != null) {
            cancel(stage);
        } else {
            over = true;
        }
    }

    @Override
    public void run() {
        synchronized (this) {
            if (stopped) {
                return;
            }
            thread = Thread.currentThread();
            begun = true;
        }
        TraceContext.enter(context.traceContext().orElse(null));
        Object output = null;
        Throwable error = null;
        try {
            output = handler.handle(context);
        } catch (Throwable any) {
            // Whatever it is: the server is to hear of it.
            error = any;
        }
        TraceContext.enter(null);
        boolean later = error == null && output instanceof CompletionStage<?>;
        boolean cancel;
        synchronized (this) {
            thread = null;
            // An interrupt of ours must not hit the next task of this thread.
            Thread.interrupted();
            stage = later ? (CompletionStage<?>) output : null;
            cancel = later && stopped;
        }
        if (!later) {
            ended(output, error);
            return;
        }
        CompletionStage<?> running = (CompletionStage<?>) output;
        try {
            running.whenComplete(this::ended);
        } catch (RuntimeException odd) {
            // A stage that nobody can wait for never ends by itself.
            ended(null, odd);
        }
        if (cancel) {
            cancel(running);
        }
    }

    /** What hangs on the stage is the handler's, and must not hold up the session. */
    private static void cancel(CompletionStage<?> running) {
        Background.POOL.execute(
                () -> {
                    try {
                        running.toCompletableFuture().cancel(true);
                    } catch (UnsupportedOperationException uncancellable) {
                        // A stage need not be a future: it keeps its place until it ends.
                    }
                });
    }

    private void ended(Object output, Throwable error) {
        WorkRequest said;
        thrown = error == null ? null : Futures.unwrapped(error);
        try {
            said =
                    error == null
                            ? complete(output)
                            : Failure.ofThrown(error, context.isCancelled())
                                    .toSettle(context.token(), context.cause());
        } catch (Throwable unserialisable) {
            // Whatever it is: the server is to hear of it. The next attempt would make the same.
            said = unsayable(unserialisable);
        }
        settle = said;
        over = true;
        reports.settle(context.token(), said);
    }

    private WorkRequest unsayable(Throwable why) {
        return Failure.permanent("the output: " + why.getMessage())
                .ofType(why.getClass().getName())
                .toSettle(context.token(), null);
    }

    private WorkRequest complete(Object output) {
        dev.tidemill.v1.Payload payload = Payload.of(output).toProto();
        int bytes = payload.getSerializedSize();
        if (bytes > MOST_OUTPUT) {
            return Failure.permanent(
                            "an output of " + bytes + " bytes: no server takes more than 1 MiB")
                    .ofType("OutputTooLarge")
                    .toSettle(context.token(), null);
        }
        CompleteTaskRequest complete =
                CompleteTaskRequest.newBuilder()
                        .setLeaseToken(context.token())
                        .setOutput(payload)
                        .build();
        return WorkRequest.newBuilder().setComplete(complete).build();
    }
}
