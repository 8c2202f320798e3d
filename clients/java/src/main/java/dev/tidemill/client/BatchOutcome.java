package dev.tidemill.client;

import java.util.Optional;

/**
 * What became of one task of a batch: exactly one of the two is there.
 *
 * @param enqueued it was stored
 * @param error why it was not
 */
public record BatchOutcome(Optional<Enqueued> enqueued, Optional<TidemillException> error) {
    /**
     * The stored task.
     *
     * @throws TidemillException if it was not stored
     */
    public Enqueued get() {
        return enqueued.orElseThrow(error::orElseThrow);
    }

    static BatchOutcome of(Enqueued enqueued) {
        return new BatchOutcome(Optional.of(enqueued), Optional.empty());
    }

    static BatchOutcome of(Fault fault) {
        return new BatchOutcome(Optional.empty(), Optional.of(fault.exception()));
    }
}
