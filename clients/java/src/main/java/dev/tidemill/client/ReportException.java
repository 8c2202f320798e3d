package dev.tidemill.client;

/** Why a chunk was not taken. */
public final class ReportException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Why a chunk was not taken. */
    public enum Kind {
        /** It is larger than the contract allows. */
        TOO_LARGE,
        /** The server refused an earlier chunk of this attempt, e.g. because its memory is full. */
        REFUSED,
        /** The attempt is over: its lease was lost, it was stopped, or the worker has ended. */
        STOPPED
    }

    /** Why. */
    private final Kind kind;

    ReportException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** Why. */
    public Kind getKind() {
        return kind;
    }
}
