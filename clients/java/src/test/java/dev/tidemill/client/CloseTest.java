package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tidemill.v1.WorkRequest;
import io.grpc.Status;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is left of clients and workers at their end. */
@Timeout(60)
class CloseTest {
    private static final Task TASK = Task.builder("a").build();
    private static final Duration SOON = Duration.ofSeconds(2);

    private static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("tidemill-"))
                .toList();
    }

    /** Other tests' handlers may take a moment to end. */
    private static void assertNoThreadSoon() throws InterruptedException {
        long until = Clock.in(SOON);
        while (!threads().isEmpty() && !Clock.passed(until)) {
            Thread.sleep(10);
        }
        assertEquals(List.of(), threads());
    }

    @Test
    void noThreadIsLeftAfterAClose() throws IOException, InterruptedException {
        try (TestServer server = new TestServer();
                WorkServer tasks = new WorkServer()) {
            Client client = Client.builder(server.url()).workerUrl(tasks.url()).build();
            client.enqueue(TASK);
            client.result("T1");
            Worker worker = Worker.builder(client).handle("a", task -> "done").build().start();
            tasks.registered();
            tasks.assign("a", "a");
            tasks.next(WorkRequest::hasComplete);
            assertFalse(threads().isEmpty());
            worker.close();
            client.close();
            assertNoThreadSoon();
        }
    }

    @Test
    void aCallThatWaitsEndsWithItsClient() throws IOException, InterruptedException {
        try (TestServer server = new TestServer()) {
            Client client = Client.connect(server.url());
            server.refusals.add(
                    Details.status(
                            Status.Code.RESOURCE_EXHAUSTED,
                            Details.info("QUEUE_FULL", Map.of()),
                            Details.retryInfo(8)));
            CompletableFuture<Enqueued> call = client.async().enqueue(TASK);
            while (server.enqueued.isEmpty()) {
                Thread.sleep(10);
            }
            // Its answer is on its way.
            Thread.sleep(300);
            client.close();
            assertThrows(CompletionException.class, call.orTimeout(2, TimeUnit.SECONDS)::join);
            Throwable why = call.handle((done, error) -> Futures.unwrapped(error)).join();
            assertTrue(why.getMessage().contains("the client was closed"), why::toString);
            assertNoThreadSoon();
        }
    }

    @Test
    void aCallbackThatRunsIsNotInterruptedAndAnotherClientGoesOn()
            throws IOException, InterruptedException {
        CountDownLatch runs = new CountDownLatch(1);
        CountDownLatch letGo = new CountDownLatch(1);
        try (TestServer server = new TestServer()) {
            Client other = Client.connect(server.url());
            Client client = Client.connect(server.url());
            CompletableFuture<String> callback =
                    client.async()
                            .enqueue(TASK)
                            .thenApplyAsync(
                                    done -> {
                                        runs.countDown();
                                        try {
                                            letGo.await();
                                            return "ran";
                                        } catch (InterruptedException hurry) {
                                            return "interrupted";
                                        }
                                    },
                                    Background.POOL);
            runs.await();
            client.close();
            client.close();
            other.enqueue(TASK);
            other.close();
            letGo.countDown();
            assertEquals("ran", callback.join());
            assertNoThreadSoon();
        }
    }

    /** A program: {@link #codeAfterRunRunsBeforeTheProcessEnds} starts it. */
    static final class Program {
        public static void main(String[] args) throws InterruptedException {
            try (Client client = Client.connect(args[0])) {
                Worker.builder(client).handle("a", task -> null).build().run();
            }
            Thread.sleep(300);
            System.out.println("after run");
        }
    }

    @Test
    void codeAfterRunRunsBeforeTheProcessEnds() throws IOException, InterruptedException {
        try (WorkServer server = new WorkServer()) {
            Process process =
                    new ProcessBuilder(
                                    Path.of(System.getProperty("java.home"), "bin", "java")
                                            .toString(),
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    Program.class.getName(),
                                    server.url())
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            try (BufferedReader said =
                    new BufferedReader(
                            new InputStreamReader(
                                    process.getInputStream(), StandardCharsets.UTF_8))) {
                server.registered();
                // Not destroy() of the process: it closes the stream.
                process.toHandle().destroy();
                assertEquals("after run", said.readLine());
            } finally {
                process.destroyForcibly();
            }
        }
    }
}
