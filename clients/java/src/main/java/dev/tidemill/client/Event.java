package dev.tidemill.client;

import dev.tidemill.v1.TaskEvent;
import java.time.Instant;
import java.util.Optional;

/**
 * One numbered entry of a task's log.
 *
 * <pre>{@code
 * if (event instanceof Event.Progress progress) {
 *     System.out.println(progress.fraction() + " " + progress.message());
 * }
 * }</pre>
 */
public sealed interface Event {
    /**
     * Its number, from 1 without holes but those that a {@link Truncated} names. To go on from
     * here, watch after it.
     */
    long sequence();

    /** The attempt it belongs to; 0 before the first lease. */
    int attempt();

    /** When it was stored, by the store's clock. */
    Optional<Instant> time();

    /**
     * The task entered a state, or was asked to stop while running.
     *
     * @param sequence its number
     * @param attempt the attempt
     * @param time when it was stored
     * @param state the state from here on
     * @param cause why
     */
    record StateChanged(
            long sequence, int attempt, Optional<Instant> time, TaskState state, StateCause cause)
            implements Event {}

    /**
     * How far the running attempt has come.
     *
     * @param sequence its number
     * @param attempt the attempt
     * @param time when it was stored
     * @param fraction share done, 0 to 1
     * @param message a short text for people
     */
    record Progress(
            long sequence, int attempt, Optional<Instant> time, double fraction, String message)
            implements Event {}

    /**
     * A piece of output of the running attempt, in the order of sending.
     *
     * @param sequence its number
     * @param attempt the attempt
     * @param time when it was stored
     * @param payload the piece
     */
    record OutputChunk(long sequence, int attempt, Optional<Instant> time, Payload payload)
            implements Event {}

    /**
     * These events, both numbers included, were cut from the log. Only progress and chunks ever
     * are.
     *
     * @param sequence its number, the last one it stands for
     * @param attempt the attempt
     * @param time when it was stored
     * @param fromSequence first missing number
     * @param toSequence last missing number
     */
    record Truncated(
            long sequence, int attempt, Optional<Instant> time, long fromSequence, long toSequence)
            implements Event {}

    /**
     * How the task ended. Always the last event.
     *
     * @param sequence its number
     * @param attempt the attempt
     * @param time when it was stored
     * @param result how it ended
     */
    record Result(long sequence, int attempt, Optional<Instant> time, TaskResult result)
            implements Event {}

    /**
     * Something that this version does not know.
     *
     * @param sequence its number
     * @param attempt the attempt
     * @param time when it was stored
     */
    record Unknown(long sequence, int attempt, Optional<Instant> time) implements Event {}

    /** Reads the message of the contract. */
    static Event of(TaskEvent event) {
        long sequence = event.getSequence();
        int attempt = event.getAttempt();
        Optional<Instant> time = Protos.time(event.hasTime(), event.getTime());
        return switch (event.getEventCase()) {
            case STATE_CHANGED -> {
                var change = event.getStateChanged();
                TaskState state = TaskState.of(change.getState());
                StateCause cause = StateCause.of(change.getCause());
                yield new StateChanged(sequence, attempt, time, state, cause);
            }
            case PROGRESS -> {
                var progress = event.getProgress();
                yield new Progress(
                        sequence, attempt, time, progress.getFraction(), progress.getMessage());
            }
            case OUTPUT_CHUNK -> {
                Payload piece = Payload.ofProto(event.getOutputChunk().getPayload());
                yield new OutputChunk(sequence, attempt, time, piece);
            }
            case TRUNCATED -> {
                var gap = event.getTruncated();
                yield new Truncated(
                        sequence, attempt, time, gap.getFromSequence(), gap.getToSequence());
            }
            case RESULT -> new Result(sequence, attempt, time, TaskResult.of(event.getResult()));
            case EVENT_NOT_SET -> new Unknown(sequence, attempt, time);
        };
    }
}
