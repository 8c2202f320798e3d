package dev.tidemill.client;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Waiting for futures. */
final class Futures {
    private Futures() {}

    /** Waits. An interrupt cancels the call, and stays set. */
    static <T> T await(CompletableFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException interrupted) {
            future.cancel(true);
            throw interrupted();
        } catch (ExecutionException failed) {
            Throwable cause = unwrapped(failed);
            if (cause instanceof TidemillException known) {
                // With the stack of the caller, who knows nothing of the thread it failed on.
                throw new TidemillException(known.fault(), known.getCause());
            }
            throw cause instanceof RuntimeException bug ? bug : new IllegalStateException(cause);
        }
    }

    /** To be thrown where an interrupt ended a wait. */
    static CancellationException interrupted() {
        Thread.currentThread().interrupt();
        return new CancellationException("interrupted while waiting for Tidemill");
    }

    static Throwable unwrapped(Throwable thrown) {
        Throwable at = thrown;
        while ((at instanceof CompletionException || at instanceof ExecutionException)
                && at.getCause() != null) {
            at = at.getCause();
        }
        return at;
    }
}
