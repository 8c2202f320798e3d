package dev.tidemill.client;

import dev.tidemill.v1.FailTaskRequest;
import dev.tidemill.v1.ReleaseTaskRequest;
import dev.tidemill.v1.WorkRequest;
import java.time.Duration;
import java.util.concurrent.CancellationException;

/**
 * Why a handler did not succeed, and what is to happen to the task: {@code throw
 * Failure.permanent("no such address")}.
 */
public final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The contract keeps so many bytes of each. */
    private static final int MOST_MESSAGE = 8 * 1024;

    private static final int MOST_TYPE = 256;

    /** Causes of causes that are told: a chain may be a ring. */
    private static final int MOST_CAUSES = 16;

    private enum Kind {
        FAILED,
        RELEASED,
        CANCELLED
    }

    /** What became of it. */
    private final Kind kind;

    /** Name of the kind of error. */
    private final String typeName;

    /** Another attempt would not mend it. */
    private final boolean permanent;

    /** Instead of the policy's backoff; may be null. */
    private final Duration retryAfter;

    private Failure(
            Kind kind,
            String message,
            Throwable cause,
            String typeName,
            boolean permanent,
            Duration retryAfter) {
        super(message, cause);
        this.kind = kind;
        this.typeName = typeName;
        this.permanent = permanent;
        this.retryAfter = retryAfter;
    }

    /** A failure that is tried again by the task's retry policy. */
    public static Failure of(String message) {
        return new Failure(Kind.FAILED, message, null, "", false, null);
    }

    /** One that tells of an exception: its text, those of its causes, and the name of its class. */
    public static Failure of(Throwable error) {
        boolean silent = error.getMessage() == null;
        StringBuilder text =
                new StringBuilder(silent ? error.getClass().getSimpleName() : error.getMessage());
        Throwable at = error.getCause();
        for (int i = 0; at != null && i < MOST_CAUSES && text.length() < MOST_MESSAGE; i++) {
            if (at.getMessage() != null && text.indexOf(at.getMessage()) < 0) {
                text.append(": ").append(at.getMessage());
            }
            at = at.getCause();
        }
        String type = error.getClass().getName();
        return new Failure(Kind.FAILED, text.toString(), error, type, false, null);
    }

    /** One that another attempt would not mend: the task is a dead letter at once. */
    public static Failure permanent(String message) {
        return of(message).asPermanent();
    }

    /**
     * Gives the task back uncharged, to the head of its line, for another handler process. At most
     * 100 times for each task.
     */
    public static Failure release() {
        return new Failure(Kind.RELEASED, "released", null, "", false, null);
    }

    /**
     * Agrees to a cancel request: the task ends CANCELLED, or EXPIRED. If nobody asked, it is an
     * ordinary release.
     */
    public static Failure cancelled() {
        return new Failure(Kind.CANCELLED, "cancelled", null, "", false, null);
    }

    /** The same, but another attempt would not mend it. */
    public Failure asPermanent() {
        return new Failure(kind, getMessage(), getCause(), typeName, true, retryAfter);
    }

    /** The same, but waits this long instead of the policy's backoff, at most 7 days. */
    public Failure retryAfter(Duration time) {
        return new Failure(kind, getMessage(), getCause(), typeName, permanent, time);
    }

    /**
     * The same with a name for the kind of error, e.g. {@code CardDeclined}, for people and
     * filters. At most 256 bytes.
     */
    public Failure ofType(String name) {
        return new Failure(kind, getMessage(), getCause(), name, permanent, retryAfter);
    }

    /** What is to be said of something that a handler threw. */
    static Failure ofThrown(Throwable thrown, boolean asked) {
        Throwable error = Futures.unwrapped(thrown);
        if (error instanceof Failure failure) {
            return failure;
        }
        boolean stopped =
                error instanceof InterruptedException || error instanceof CancellationException;
        return stopped && asked ? cancelled() : of(error);
    }

    /**
     * What to say to the server. An attempt that was asked to stop because it ran too long has
     * failed, whatever its handler calls it: a release would not count it, and it would run too
     * long for ever.
     *
     * @param cause why it was asked to stop; may be null
     */
    WorkRequest toSettle(String token, CancelCause cause) {
        if (kind == Kind.CANCELLED && cause == CancelCause.ATTEMPT_TIMEOUT) {
            return of("the attempt ran longer than its attempt_timeout")
                    .ofType("AttemptTimeout")
                    .toSettle(token, null);
        }
        return switch (kind) {
            case FAILED -> WorkRequest.newBuilder().setFail(fail(token)).build();
            case RELEASED -> release(token, false, false);
            case CANCELLED -> release(token, true, false);
        };
    }

    private FailTaskRequest fail(String token) {
        FailTaskRequest.Builder fail =
                FailTaskRequest.newBuilder()
                        .setLeaseToken(token)
                        .setMessage(cut(String.valueOf(getMessage()), MOST_MESSAGE))
                        .setType(cut(typeName, MOST_TYPE))
                        .setPermanent(permanent);
        if (retryAfter != null) {
            fail.setRetryAfter(Protos.duration(retryAfter));
        }
        return fail.build();
    }

    static WorkRequest release(String token, boolean cancelled, boolean draining) {
        ReleaseTaskRequest release =
                ReleaseTaskRequest.newBuilder()
                        .setLeaseToken(token)
                        .setCancelled(cancelled)
                        .setDraining(draining)
                        .build();
        return WorkRequest.newBuilder().setRelease(release).build();
    }

    /**
     * Cuts a text that is longer than so many bytes of UTF-8, at a character. The server would cut
     * it, too, but a message of many megabytes would break the stream first, for all tasks.
     */
    static String cut(String text, int most) {
        int bytes = 0;
        int end = 0;
        while (end < text.length()) {
            int character = text.codePointAt(end);
            bytes += bytes(character);
            if (bytes > most) {
                return text.substring(0, end);
            }
            end += Character.charCount(character);
        }
        return text;
    }

    private static int bytes(int character) {
        if (character < 0x80) {
            return 1;
        }
        if (character < 0x800) {
            return 2;
        }
        return character < 0x10000 ? 3 : 4;
    }
}
