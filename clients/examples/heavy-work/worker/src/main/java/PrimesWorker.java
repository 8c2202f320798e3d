import dev.tidemill.client.Client;
import dev.tidemill.client.Context;
import dev.tidemill.client.Failure;
import dev.tidemill.client.Worker;
import java.time.Duration;
import java.util.Map;

/** Runs heavy jobs until Ctrl-C: each counts primes for a time, and tells all the way how far it is. */
public final class PrimesWorker {
    /** Pieces of partial output of each job. */
    private static final int PIECES = 60;

    private PrimesWorker() {}

    /** What a job is asked for: {@code {"seconds": 30}}. */
    record Request(double seconds) {}

    public static void main(String[] arguments) throws InterruptedException {
        String url = System.getenv().getOrDefault("TIDEMILL_URL", Client.DEFAULT_URL);
        try (Client client = Client.connect(url)) {
            Worker.builder(client)
                    .queue("heavy")
                    .handle("primes.count", PrimesWorker::count)
                    .concurrency(2)
                    // After Ctrl-C a job of half a minute is not waited for: it goes back, uncharged.
                    .grace(Duration.ofSeconds(2))
                    .build()
                    .run();
        }
    }

    /**
     * Keeps its thread busy from the first to the last moment. That costs no lease, although a lease is much shorter: the worker answers the
     * server's pings on a thread of its own.
     */
    private static Object count(Context task) throws InterruptedException {
        Duration piece = Duration.ofNanos((long) (task.payload().toJson(Request.class).seconds() * 1e9 / PIECES));
        long began = System.nanoTime();
        long candidate = 1;
        long found = 0;
        for (int number = 1; number <= PIECES; number++) {
            while (System.nanoTime() - began < piece.toNanos() * number) {
                candidate++;
                found += isPrime(candidate) ? 1 : 0;
            }
            if (task.isCancelled()) {
                throw Failure.cancelled();
            }
            // Stored by the server before it is shown: a caller that is away gets it later.
            task.chunk("piece %d: %d primes up to %d".formatted(number, found, candidate));
            task.progress((double) number / PIECES, "%d numbers seen".formatted(candidate));
        }
        return Map.of("primes", found, "up_to", candidate, "pieces", PIECES);
    }

    private static boolean isPrime(long number) {
        for (long divisor = 2; divisor * divisor <= number; divisor++) {
            if (number % divisor == 0) {
                return false;
            }
        }
        return number > 1;
    }
}
