package dev.tidemill.client;

import dev.tidemill.v1.Assignment;
import dev.tidemill.v1.Echo;
import dev.tidemill.v1.Register;
import dev.tidemill.v1.Registered;
import dev.tidemill.v1.WorkRequest;
import dev.tidemill.v1.WorkResponse;
import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The worker protocol from the handler process's side, on a thread of its own: handlers that keep
 * their threads busy do not cost their leases.
 */
final class Session {
    /** Longest wait between two connections, and before a settle is said again. */
    static final Duration MAX_BACKOFF = Duration.ofSeconds(5);

    /** Wait after a stream that the server ended with a reason which no repetition mends. */
    private static final Duration AFTER_REFUSAL = Duration.ofSeconds(1);

    /** Handlers that were stopped are looked at this often. */
    private static final Duration LOOK = Duration.ofMillis(500);

    private final Setup setup;
    private final LinkedBlockingQueue<Object> inbox = new LinkedBlockingQueue<>();
    private final AtomicBoolean reported = new AtomicBoolean();
    private final Reports reports = new Reports(this::wakeForReport);
    private final Leases leases;
    private final Places places;
    private final long begun = System.nanoTime();

    private WorkStream stream;
    private WorkStream opening;
    private long openAt = System.nanoTime();
    private int failures;
    private boolean connected;
    private int saidStuck;

    private boolean draining;
    private boolean released;
    private long releaseAt;

    private volatile WorkerStatus status = WorkerStatus.CONNECTING;
    private volatile long lastLook = System.nanoTime();

    /** To be told to stop. */
    private record Stop(Duration grace) {}

    private enum Wake {
        REPORT
    }

    Session(Setup setup) {
        this.setup = setup;
        this.places = new Places(setup.concurrency());
        this.leases = new Leases(setup, places, this::say);
    }

    /** From any thread: takes no more, and what runs may go on for the grace. */
    void stop(Duration grace) {
        inbox.add(new Stop(grace));
    }

    /** One that does not look any more, e.g. because a listener blocks it, is stuck. */
    WorkerStatus status() {
        return status(status, Clock.since(lastLook));
    }

    static WorkerStatus status(WorkerStatus said, Duration silence) {
        boolean blocked = silence.compareTo(LOOK.multipliedBy(6)) > 0;
        return said == WorkerStatus.SERVING && blocked ? WorkerStatus.STUCK : said;
    }

    /** Works until told to stop and everything is settled or given back. */
    void run() {
        try {
            while (!(draining && leases.isEmpty())) {
                step();
            }
            finish();
        } catch (InterruptedException interrupted) {
            // Nobody but us knows this thread.
            throw new IllegalStateException(interrupted);
        } finally {
            leases.dropAll();
            leave(opening);
            leave(stream);
        }
    }

    private void step() throws InterruptedException {
        openIfDue();
        forwardReports();
        adjustCredits();
        Object next = inbox.poll(untilDue().toNanos(), TimeUnit.NANOSECONDS);
        lastLook = System.nanoTime();
        if (next instanceof StreamCall.Signal signal) {
            hear(signal);
        } else if (next instanceof Stop stop) {
            beginDrain(stop.grace);
        } else if (next == Wake.REPORT) {
            reported.set(false);
        }
        tick();
        status = look();
    }

    private WorkerStatus look() {
        if (draining) {
            return WorkerStatus.DRAINING;
        }
        if (wantsStream()) {
            return WorkerStatus.CONNECTING;
        }
        return places.free() == 0 ? WorkerStatus.STUCK : WorkerStatus.SERVING;
    }

    /** Whoever hears of it may ask for the status at once. */
    private void tell(WorkerEvent event) {
        status = look();
        setup.tell(event);
    }

    private void wakeForReport() {
        // One wake is enough for all reports that wait.
        if (!reported.getAndSet(true)) {
            inbox.add(Wake.REPORT);
        }
    }

    private Duration untilDue() {
        long due = Clock.in(LOOK);
        if (stream != null) {
            due = sooner(due, stream.silentAt());
        }
        if (opening != null) {
            due = sooner(due, opening.silentAt());
        } else if (wantsStream()) {
            due = sooner(due, openAt);
        }
        if (draining) {
            due = sooner(due, releaseAt);
        }
        Long held = leases.nextDue();
        return Clock.until(held == null ? due : sooner(due, held));
    }

    private static long sooner(long one, long other) {
        return one - other < 0 ? one : other;
    }

    private boolean wantsStream() {
        return stream == null || stream.leaving;
    }

    private void openIfDue() {
        if (!wantsStream() || opening != null || !Clock.passed(openAt)) {
            return;
        }
        Register register =
                Register.newBuilder()
                        .addAllQueues(setup.queues())
                        .addAllKinds(setup.handlers().keySet())
                        .setCredits(credits())
                        .addAllHeld(leases.tokens())
                        .setName(setup.name())
                        .build();
        opening = new WorkStream(setup.shared(), register, inbox::add);
    }

    private int credits() {
        return draining ? 0 : places.free();
    }

    private void adjustCredits() {
        int stuck = places.stuck();
        if (stuck != saidStuck) {
            saidStuck = stuck;
            tell(new WorkerEvent.Stuck(stuck));
        }
        int credits = credits();
        if (stream != null && stream.credits() != credits) {
            status = look();
            stream.sayCredits(credits);
        }
    }

    private void hear(StreamCall.Signal signal) {
        WorkStream of = null;
        if (stream != null && stream.made(signal)) {
            of = stream;
        } else if (opening != null && opening.made(signal)) {
            of = opening;
        }
        if (of == null) {
            // One that was left.
            return;
        }
        if (signal instanceof StreamCall.Closed end) {
            Fault fault = end.fault();
            over(of, fault == null ? of.broken("the server closed the stream") : fault);
        } else if (signal instanceof StreamCall.Message message) {
            WorkResponse answer = (WorkResponse) message.content();
            if (of == stream) {
                of.hear();
                hear(answer);
            } else if (answer.hasRegistered()) {
                of.accept(answer.getRegistered());
                adopt(of, answer.getRegistered());
            } else {
                String what = "a Work stream that does not begin with Registered";
                over(of, Fault.contract(setup.shared().worker.address, what));
            }
        }
    }

    private void over(WorkStream of, Fault fault) {
        of.leave();
        if (of == stream) {
            loseStream(fault);
        } else {
            notOpened(fault);
        }
    }

    /**
     * The server has registered us: this is the stream now, and it is told whatever is still open.
     * One that it replaces is broken off, not half-closed, which would give back what the new one
     * holds.
     */
    private void adopt(WorkStream opened, Registered registered) {
        leave(stream);
        stream = opened;
        opening = null;
        failures = 0;
        connected = true;
        leases.adopted(opened.named(), registered.getAdoptedList());
        if (!opened.named().containsAll(leases.tokens())) {
            // Assigned by a replica that drained, after the registration was on its way: nobody
            // renews those until another registration names them.
            opened.leaving = true;
            openAt = System.nanoTime();
        }
        adjustCredits();
        tell(new WorkerEvent.Connected(setup.shared().worker.address));
    }

    private void notOpened(Fault fault) {
        opening = null;
        boolean late =
                setup.connectWithin() != null
                        && Clock.since(begun).compareTo(setup.connectWithin()) >= 0;
        Again again = fault.resume();
        // Once it has worked, only our own server's considered word ends it: what a proxy says may
        // pass, and leases are held.
        boolean passing = connected && fault.refusal().reason().isEmpty();
        if ((late && !connected) || (again.how() == Again.How.NEVER && !passing)) {
            throw fault.exception();
        }
        again(fault, again.delay());
    }

    /**
     * Whatever ended a stream that was registered, the next registration tells whether it is meant
     * for good: e.g. a process that was paused is told by the end of its stream that its silence
     * broke the rules.
     */
    private void loseStream(Fault fault) {
        // A replica that drains closes its streams; the next one is being opened already.
        boolean leaving = stream.leaving;
        stream = null;
        if (!leaving) {
            Again again = fault.resume();
            again(fault, again.how() == Again.How.NEVER ? AFTER_REFUSAL : again.delay());
        }
    }

    private void again(Fault fault, Duration delay) {
        failures++;
        openAt = Clock.in(delay.plus(Backoff.wait(failures, MAX_BACKOFF)));
        tell(new WorkerEvent.Disconnected(fault.exception()));
    }

    private void hear(WorkResponse answer) {
        switch (answer.getMessageCase()) {
            case ASSIGNMENTS -> answer.getAssignments().getAssignmentsList().forEach(this::start);
            case PING -> {
                Echo echo = Echo.newBuilder().setNumber(answer.getPing().getNumber()).build();
                say(WorkRequest.newBuilder().setEcho(echo).build());
            }
            case CANCEL_REQUESTED -> leases.ask(answer.getCancelRequested());
            case LEASE_LOST -> leases.lost(answer.getLeaseLost().getLeaseToken());
            case SETTLED -> leases.settled(answer.getSettled());
            case REFUSED -> leases.refused(answer.getRefused());
            case DRAIN -> {
                stream.leaving = true;
                openAt = System.nanoTime();
            }
            // Only the first answer of a stream; and what this version does not know.
            case REGISTERED, MESSAGE_NOT_SET -> {}
        }
    }

    private void start(Assignment assignment) {
        String token = assignment.getLeaseToken();
        Handler handler = setup.handlers().get(assignment.getKind());
        if (handler == null) {
            // The server assigns registered kinds only; should it not, another may serve this one.
            say(Failure.release(token, false, false));
            return;
        }
        TaskFacts task = TaskFacts.of(assignment);
        Job job = new Job(handler, new Context(assignment, reports), reports);
        leases.add(token, new Held(task, job));
        if (draining) {
            // It was on its way when the server was told that no more are taken.
            leases.settle(token, Failure.release(token, false, true));
            return;
        }
        tell(new WorkerEvent.Started(task));
        try {
            setup.executor().execute(job);
            places.taken();
        } catch (RejectedExecutionException full) {
            places.rejected();
            // Not its fault: uncharged and uncounted, as in a shutdown.
            leases.settle(token, Failure.release(token, false, true));
        }
    }

    /** As far as the stream takes it; what is said without a stream waits. */
    private void forwardReports() {
        while (stream != null && stream.isReady()) {
            Reports.Report report = reports.poll();
            if (report == null) {
                return;
            }
            if (leases.takes(report)) {
                stream.say(report.message());
            }
        }
    }

    private void tick() {
        if (stream != null && Clock.passed(stream.silentAt())) {
            over(stream, stream.silenceFault());
        }
        if (opening != null && Clock.passed(opening.silentAt())) {
            over(opening, opening.silenceFault());
        }
        leases.tick();
        if (draining && Clock.passed(releaseAt)) {
            if (released) {
                throw unsettled();
            }
            leases.releaseRunning();
            released = true;
            releaseAt = Clock.in(WorkStream.LAST_WORD);
        }
    }

    private void beginDrain(Duration grace) {
        long at = Clock.in(grace);
        if (!released) {
            // Told again, it may only become shorter.
            releaseAt = draining ? sooner(releaseAt, at) : at;
        }
        if (!draining) {
            draining = true;
            adjustCredits();
            tell(new WorkerEvent.Draining(leases.size()));
        }
    }

    private TidemillException unsettled() {
        String message =
                leases.size()
                        + " tasks could neither be settled nor given back; their leases expire,"
                        + " which counts as a crash";
        String address = setup.shared().worker.address;
        return Fault.broken(Outcome.UNKNOWN, address, message).exception();
    }

    /**
     * Half-close gives back what was assigned and not heard of yet, also over a registration that
     * is on its way.
     */
    private void finish() throws InterruptedException {
        if (opening != null) {
            opening.finish();
        }
        if (stream != null) {
            stream.finish();
        }
    }

    private static void leave(WorkStream left) {
        if (left != null) {
            left.leave();
        }
    }

    private void say(WorkRequest message) {
        if (stream != null) {
            stream.say(message);
        }
    }
}
