package dev.tidemill.client;

import static dev.tidemill.client.TestServer.ended;
import static dev.tidemill.client.TestServer.running;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.tidemill.v1.TaskEvent;
import dev.tidemill.v1.WatchResultsResponse;
import dev.tidemill.v1.WatchTarget;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WatchManyTest {
    private TestServer server;
    private Client client;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
        client = Client.connect(server.url());
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    @Test
    void manyTasksGoOnFromTheirOwnNumbers() {
        server.many.add(List.of(of("A", running(1)), of("B", running(5))));
        server.many.add(
                List.of(
                        of("B", ended(6)),
                        WatchResultsResponse.newBuilder()
                                .setTaskId("C")
                                .setError(
                                        com.google.rpc.Status.newBuilder()
                                                .setCode(5)
                                                .setMessage("?"))
                                .build(),
                        of("A", ended(2))));
        List<String> seen = new ArrayList<>();
        try (WatchMany watch = client.watchMany()) {
            watch.add("A", 0);
            watch.add("B", 4);
            watch.add("C", 0);
            watch.finish();
            for (Watched watched : watch) {
                String what =
                        watched.event()
                                .map(event -> "" + event.sequence())
                                .orElseGet(
                                        () -> watched.error().orElseThrow().getCode().toString());
                seen.add(watched.taskId() + " " + what);
            }
        }
        assertEquals(List.of("A 1", "B 5", "B 6", "C Optional[NOT_FOUND]", "A 2"), seen);
        List<Long> cursors =
                server.asked.get(1).getAddList().stream()
                        .map(WatchTarget::getAfterSequence)
                        .sorted()
                        .toList();
        assertEquals(List.of(0L, 1L, 5L), cursors);
    }

    /** What the server had sent before it heard of the new beginning is no hole. */
    @Test
    void aTaskThatIsAddedAgainStartsAnew() {
        AtomicInteger adds = new AtomicInteger();
        server.director =
                (request, answers) -> {
                    boolean adding = request.getAddCount() > 0;
                    if (adding && adds.incrementAndGet() == 1) {
                        answers.onNext(of("A", running(1)));
                        answers.onNext(of("A", running(2)));
                    } else if (adding) {
                        answers.onNext(of("A", running(3)));
                        answers.onNext(of("A", running(1)));
                        answers.onNext(of("A", ended(2)));
                    }
                };
        for (boolean removed : new boolean[] {false, true}) {
            adds.set(0);
            List<Long> seen = new ArrayList<>();
            try (WatchMany watch = client.watchMany()) {
                watch.add("A", 0);
                seen.add(sequence(watch.next()));
                seen.add(sequence(watch.next()));
                if (removed) {
                    watch.remove("A");
                }
                watch.add("A", 0);
                watch.finish();
                watch.forEach(watched -> seen.add(sequence(watched)));
            }
            assertEquals(List.of(1L, 2L, 1L, 2L), seen, "removed first: " + removed);
        }
    }

    /** Two watches of one task were on their way: the rest of the second is no hole of a third. */
    @Test
    void aTaskThatIsAddedAgainAfterItsEndStartsAnew() {
        AtomicInteger adds = new AtomicInteger();
        server.director =
                (request, answers) -> {
                    int number = request.getAddCount() > 0 ? adds.incrementAndGet() : 0;
                    if (number == 1) {
                        answers.onNext(of("A", running(1)));
                    } else if (number == 2) {
                        answers.onNext(of("A", ended(2)));
                    } else if (number == 3) {
                        answers.onNext(of("A", ended(2)));
                        answers.onNext(of("A", running(1)));
                        answers.onNext(of("A", ended(2)));
                    }
                };
        List<Long> seen = new ArrayList<>();
        try (WatchMany watch = client.watchMany()) {
            watch.add("A", 0);
            seen.add(sequence(watch.next()));
            watch.add("A", 1);
            seen.add(sequence(watch.next()));
            watch.add("A", 0);
            watch.finish();
            watch.forEach(watched -> seen.add(sequence(watched)));
        }
        assertEquals(List.of(1L, 2L, 1L, 2L), seen);
    }

    @Test
    void aHoleIsStillTold() {
        server.director = (request, answers) -> answers.onNext(of("A", running(2)));
        try (WatchMany watch = client.watchMany()) {
            watch.add("A", 0);
            var error = watch.next().error().orElseThrow();
            assertEquals(ErrorKind.CONTRACT, error.getKind());
        }
    }

    private static long sequence(Watched watched) {
        return watched.event()
                .orElseThrow(() -> new AssertionError(watched.error().orElseThrow().getMessage()))
                .sequence();
    }

    private static WatchResultsResponse of(String taskId, TaskEvent event) {
        return WatchResultsResponse.newBuilder().setTaskId(taskId).setEvent(event).build();
    }
}
