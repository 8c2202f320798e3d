package dev.tidemill.client;

import java.util.List;
import java.util.Optional;

/**
 * One page of a list.
 *
 * @param <T> what is on it
 * @param items what is on it; possibly nothing, although there are more pages
 * @param next what to ask for the next page with; empty: this is the last one
 */
public record Page<T>(List<T> items, Optional<String> next) {
    static <T> Page<T> of(List<T> items, String next) {
        return new Page<>(items, next.isEmpty() ? Optional.empty() : Optional.of(next));
    }
}
