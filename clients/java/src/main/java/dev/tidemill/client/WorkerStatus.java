package dev.tidemill.client;

/** What a worker does. Only one that is {@link #SERVING} can receive tasks. */
public enum WorkerStatus {
    /** Not started yet. */
    NEW,
    /** It has no stream, or one of a replica that drains, and tries to get one. */
    CONNECTING,
    /** It is registered, hears the server's pings, and can run tasks. */
    SERVING,
    /**
     * It is registered, but can run nothing: every place is kept by a handler that was stopped and
     * does not end, or the executor takes no more, or a listener blocks the session.
     */
    STUCK,
    /** It was told to stop, and takes no more. */
    DRAINING,
    /** It has ended in order. */
    STOPPED,
    /** It has ended by itself, or could not give back everything. */
    FAILED
}
