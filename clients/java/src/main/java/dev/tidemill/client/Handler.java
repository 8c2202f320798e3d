package dev.tidemill.client;

/**
 * Runs the tasks of one kind. Called for one attempt of one task at a time, on a thread of the
 * worker's executor; several attempts run side by side, up to the worker's concurrency.
 */
@FunctionalInterface
public interface Handler {
    /**
     * Runs one attempt.
     *
     * @return the output, as {@link Payload#of} understands it: null for none, a string, bytes, a
     *     {@link Payload}, or anything that is JSON; or a {@link
     *     java.util.concurrent.CompletionStage} of one of these, which leaves the thread free
     * @throws Exception how the attempt failed: a {@link Failure} says what is to become of the
     *     task; anything else is a failure that is tried again, with the exception's text and the
     *     name of its class
     */
    Object handle(Context task) throws Exception;
}
