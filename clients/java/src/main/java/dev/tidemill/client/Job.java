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

    /** Interrupts the handler. Nothing it says counts any more. */
    synchronized void stop() {
        stopped = true;
        context.end();
        if (thread != null) {
            thread.interrupt();
        } else if (stage != null) {
            stage.toCompletableFuture().cancel(true);
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
        }
        TraceContext.enter(context.traceContext().orElse(null));
        Object output = null;
        Throwable thrown = null;
        try {
            output = handler.handle(context);
        } catch (Throwable any) {
            // Whatever it is: the server is to hear of it.
            thrown = any;
        }
        TraceContext.enter(null);
        boolean later = thrown == null && output instanceof CompletionStage<?>;
        boolean cancel;
        synchronized (this) {
            thread = null;
            // An interrupt of ours must not hit the next task of this thread.
            Thread.interrupted();
            stage = later ? (CompletionStage<?>) output : null;
            cancel = later && stopped;
        }
        if (!later) {
            ended(output, thrown);
            return;
        }
        CompletionStage<?> running = (CompletionStage<?>) output;
        running.whenComplete(this::ended);
        if (cancel) {
            running.toCompletableFuture().cancel(true);
        }
    }

    private void ended(Object output, Throwable thrown) {
        WorkRequest settle;
        try {
            settle =
                    thrown == null
                            ? complete(output)
                            : Failure.ofThrown(thrown, context.isCancelled())
                                    .toSettle(context.token(), context.cause());
        } catch (RuntimeException unserialisable) {
            // The next attempt would make the same output.
            String type = unserialisable.getClass().getName();
            settle =
                    Failure.permanent("the output: " + unserialisable.getMessage())
                            .ofType(type)
                            .toSettle(context.token(), null);
        }
        over = true;
        reports.settle(context.token(), settle);
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
