package dev.tidemill.client;

import java.util.Optional;

/**
 * What came of one watched task: exactly one of event and error is there.
 *
 * @param taskId the task, as it was named when it was added
 * @param event the next event of its log
 * @param error why it is not watched any more
 */
public record Watched(String taskId, Optional<Event> event, Optional<TidemillException> error) {
    /**
     * The event.
     *
     * @throws TidemillException if the task is not watched any more
     */
    public Event get() {
        return event.orElseThrow(error::orElseThrow);
    }

    static Watched of(String taskId, Event event) {
        return new Watched(taskId, Optional.of(event), Optional.empty());
    }

    static Watched of(String taskId, Fault fault) {
        return new Watched(taskId, Optional.empty(), Optional.of(fault.exception()));
    }
}
