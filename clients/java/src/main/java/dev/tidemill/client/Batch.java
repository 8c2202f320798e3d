package dev.tidemill.client;

import dev.tidemill.v1.BatchEnqueueOutcome;
import dev.tidemill.v1.BatchEnqueueRequest;
import dev.tidemill.v1.EnqueueRequest;
import dev.tidemill.v1.GatewayServiceGrpc;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Many tasks with few calls, one after the other. */
final class Batch {
    /** A call takes 4 MiB; the rest is for what encloses the entries. */
    private static final int MOST_BYTES = 4 * 1024 * 1024 - 64 * 1024;

    private static final int ENCLOSING = 8;

    private final Shared shared;
    private final List<EnqueueRequest> requests;
    private final BatchOutcome[] outcomes;
    private final CompletableFuture<List<BatchOutcome>> result = new CompletableFuture<>();
    private int next;

    /**
     * An entry that is not settled yet, with its place in the answer.
     *
     * @param outcome over all calls so far: an earlier one may have stored it, even if the last one
     *     did not
     */
    private record Open(int index, EnqueueRequest request, Outcome outcome) {
        Open after(Fault fault) {
            boolean unknown = fault.outcome() == Outcome.UNKNOWN;
            return unknown ? new Open(index, request, Outcome.UNKNOWN) : this;
        }
    }

    /** Entries of one call and all its repetitions. */
    private final class Part {
        private final long until = Clock.in(shared.limits.deadline());
        private List<Open> open;
        private int tries;

        Part(List<Open> open) {
            this.open = open;
        }
    }

    Batch(Shared shared, List<EnqueueRequest> requests) {
        this.shared = shared;
        this.requests = requests;
        this.outcomes = new BatchOutcome[requests.size()];
    }

    CompletableFuture<List<BatchOutcome>> send() {
        sendNext();
        return result;
    }

    private void sendNext() {
        List<Open> open = new ArrayList<>();
        int bytes = 0;
        while (next < requests.size() && open.size() < Client.BATCH_LIMIT) {
            EnqueueRequest request = requests.get(next);
            int size = request.getSerializedSize() + ENCLOSING;
            if (bytes + size > MOST_BYTES && !open.isEmpty()) {
                break;
            }
            bytes += size;
            open.add(new Open(next++, request, Outcome.NOT_APPLIED));
        }
        if (open.isEmpty()) {
            result.complete(List.copyOf(Arrays.asList(outcomes)));
        } else {
            send(new Part(open));
        }
    }

    private void send(Part part) {
        part.tries++;
        BatchEnqueueRequest.Builder message = BatchEnqueueRequest.newBuilder();
        part.open.forEach(entry -> message.addRequests(entry.request));
        Limits limits = shared.limits.withDeadline(Clock.until(part.until));
        var call =
                Call.make(
                        shared.gateway,
                        GatewayServiceGrpc.getBatchEnqueueMethod(),
                        message.build(),
                        limits);
        result.whenComplete(
                (answer, error) -> {
                    if (result.isCancelled()) {
                        call.cancel(true);
                    }
                });
        call.whenComplete(
                (answer, error) -> {
                    if (result.isDone()) {
                        return;
                    }
                    try {
                        if (error == null) {
                            answered(part, answer.getOutcomesList());
                        } else {
                            failed(part, Fault.of(error));
                        }
                    } catch (RuntimeException bug) {
                        result.completeExceptionally(bug);
                    }
                });
    }

    /** Whatever ended the call ended it for each entry. */
    private void failed(Part part, Fault fault) {
        part.open.forEach(entry -> refuse(entry, fault));
        sendNext();
    }

    private void answered(Part part, List<BatchEnqueueOutcome> answers) {
        if (answers.size() != part.open.size()) {
            String what = answers.size() + " outcomes for " + part.open.size() + " tasks";
            failed(part, Fault.contract(shared.gateway.address, what));
            return;
        }
        List<Open> again = new ArrayList<>();
        List<Fault> why = new ArrayList<>();
        Duration delay = Duration.ZERO;
        for (int i = 0; i < answers.size(); i++) {
            Open entry = part.open.get(i);
            Fault fault = read(entry, answers.get(i));
            if (fault == null) {
                continue;
            }
            Again next = fault.again();
            if (next.how() == Again.How.NEVER) {
                refuse(entry, fault);
            } else {
                again.add(entry.after(fault));
                why.add(fault);
                delay = next.delay().compareTo(delay) > 0 ? next.delay() : delay;
            }
        }
        if (again.isEmpty()) {
            sendNext();
            return;
        }
        Duration pause = delay.plus(Backoff.wait(part.tries, shared.limits.deadline()));
        if (shared.limits.over(part.tries) || Clock.until(part.until).compareTo(pause) <= 0) {
            for (int i = 0; i < again.size(); i++) {
                refuse(again.get(i), why.get(i));
            }
            sendNext();
            return;
        }
        part.open = again;
        Background.after(pause, () -> send(part));
    }

    /** Notes what was stored; or says why it was not. */
    private Fault read(Open entry, BatchEnqueueOutcome answer) {
        return switch (answer.getOutcomeCase()) {
            case RESPONSE -> {
                outcomes[entry.index] = BatchOutcome.of(Enqueued.of(answer.getResponse()));
                yield null;
            }
            case ERROR -> Statuses.read(answer.getError(), shared.gateway.address);
            case OUTCOME_NOT_SET ->
                    Fault.contract(shared.gateway.address, "an outcome that says nothing");
        };
    }

    private void refuse(Open entry, Fault fault) {
        Fault over = fault.withOutcome(entry.after(fault).outcome);
        outcomes[entry.index] = BatchOutcome.of(over.withKey(entry.request.getIdempotencyKey()));
    }
}
