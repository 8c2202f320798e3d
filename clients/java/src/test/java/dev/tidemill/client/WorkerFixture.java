package dev.tidemill.client;

import dev.tidemill.v1.FailTaskRequest;
import dev.tidemill.v1.WorkRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A worker role that follows a script, and a worker that one test starts. */
@Timeout(30)
abstract class WorkerFixture {
    final CountDownLatch letGo = new CountDownLatch(1);
    final CountDownLatch interrupted = new CountDownLatch(1);

    /** What the worker told, for workers of {@link #builder}. */
    final BlockingQueue<WorkerEvent> events = new LinkedBlockingQueue<>();

    private final Semaphore begun = new Semaphore(0);
    WorkServer server;
    Client client;
    Worker worker;

    @BeforeEach
    void connect() throws IOException {
        server = new WorkServer();
        client = Client.connect(server.url());
    }

    @AfterEach
    void end() {
        letGo.countDown();
        server.close();
        if (worker != null) {
            worker.stop(Duration.ZERO);
        }
        client.close();
    }

    WorkerBuilder builder() {
        return Worker.builder(client)
                .handle("hold", this::hold)
                .handle("fail", this::fail)
                .onEvent(events::add);
    }

    /** Until it is let go, or interrupted. */
    Object hold(Context task) throws InterruptedException {
        begun.release();
        try {
            letGo.await();
            return "kept";
        } catch (InterruptedException stopped) {
            interrupted.countDown();
            throw stopped;
        }
    }

    Object fail(Context task) {
        throw new IllegalStateException("boom", new IOException("wire"));
    }

    void start(WorkerBuilder setup) throws InterruptedException {
        worker = setup.build().start();
        server.registered();
    }

    /** Assigns a task of kind {@code hold}, whose handler runs when this returns. */
    void assignHeld(String token) throws InterruptedException {
        server.assign(token, "hold");
        if (!begun.tryAcquire(10, TimeUnit.SECONDS)) {
            throw new AssertionError("no handler began");
        }
    }

    /** When this returns, the worker has heard what was said to it before. */
    void heardUpToNow(long number) throws InterruptedException {
        server.ping(number);
        server.next(request -> request.getEcho().getNumber() == number);
    }

    /** The next event of this type; others before it are dropped. */
    <E extends WorkerEvent> E event(Class<E> type) throws InterruptedException {
        while (true) {
            WorkerEvent event = events.poll(10, TimeUnit.SECONDS);
            if (event == null) {
                throw new AssertionError("no " + type.getSimpleName() + " came");
            }
            if (type.isInstance(event)) {
                return type.cast(event);
            }
        }
    }

    /** How the server hears that this handler ended. */
    FailTaskRequest failure(Handler handler) throws InterruptedException {
        start(builder().handle("odd", handler));
        server.assign("a", "odd");
        return server.next(WorkRequest::hasFail).getFail();
    }
}
