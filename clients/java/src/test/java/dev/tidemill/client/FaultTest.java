package dev.tidemill.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import dev.tidemill.v1.ErrorReason;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FaultTest {
    private static final Again NOW = Again.whenBack(Duration.ZERO);
    private static final Duration SECOND = Duration.ofSeconds(1);

    @Test
    void onlyWhatMayPassIsTriedAgain() {
        assertEquals(NOW, Details.refused(Status.Code.UNAVAILABLE).again());
        assertEquals(
                Again.whenBack(SECOND),
                Details.refused(Status.Code.UNAVAILABLE, Details.retryInfo(1)).again());
        assertEquals(Again.NEVER, Details.refused(Status.Code.RESOURCE_EXHAUSTED).again());
        assertEquals(
                Again.after(SECOND),
                Details.refused(Status.Code.RESOURCE_EXHAUSTED, Details.retryInfo(1)).again());
        for (Status.Code code :
                List.of(
                        Status.Code.INVALID_ARGUMENT,
                        Status.Code.NOT_FOUND,
                        Status.Code.ALREADY_EXISTS,
                        Status.Code.INTERNAL)) {
            assertEquals(Again.NEVER, Details.refused(code).again(), code.name());
        }
    }

    @Test
    void aStreamResumesUnlessTheServerMeansIt() {
        assertEquals(NOW, Details.refused(Status.Code.INTERNAL).resume());
        ErrorInfo bug = Details.info("INTERNAL", Map.of());
        assertEquals(Again.NEVER, Details.refused(Status.Code.INTERNAL, bug).resume());
        ErrorInfo unknown = Details.info("TASK_NOT_FOUND", Map.of());
        assertEquals(Again.NEVER, Details.refused(Status.Code.NOT_FOUND, unknown).resume());
        ErrorInfo draining = Details.info("DRAINING", Map.of());
        Fault fault = Details.refused(Status.Code.UNAVAILABLE, draining, Details.retryInfo(1));
        assertEquals(Again.whenBack(SECOND), fault.resume());
    }

    @Test
    void theTextNamesReasonCodeAndEveryViolation() {
        BadRequest bad =
                BadRequest.newBuilder()
                        .addFieldViolations(violation("kind", "required"))
                        .addFieldViolations(violation("delay", "at most 365 days"))
                        .build();
        ErrorInfo info = Details.info("INVALID_REQUEST", Map.of("outcome", "not_applied"));
        TidemillException error =
                Details.refused(Status.Code.INVALID_ARGUMENT, info, bad).exception();
        assertEquals(
                "INVALID_REQUEST (INVALID_ARGUMENT): m; kind: required; delay: at most 365 days",
                error.getMessage());
        assertEquals(Outcome.NOT_APPLIED, error.getOutcome());
        assertEquals(Optional.of(ErrorReason.ERROR_REASON_INVALID_REQUEST), error.getReason());
        assertEquals(new Violation("kind", "required"), error.getViolations().get(0));
    }

    @Test
    void aViolationThatTheMessageNamesIsNotSaidAgain() {
        Violation kind = new Violation("kind", "is required");
        Violation delay = new Violation("delay", "is required");
        Refusal refusal =
                new Refusal(
                        Status.Code.INVALID_ARGUMENT,
                        "INVALID_REQUEST",
                        Map.of(),
                        List.of(kind, delay),
                        null);
        TidemillException error =
                Fault.of(ErrorKind.REFUSED, Outcome.NOT_APPLIED, "a", "bad: kind is required")
                        .withRefusal(refusal)
                        .exception();
        assertEquals(
                "INVALID_REQUEST (INVALID_ARGUMENT): bad: kind is required; delay: is required",
                error.getMessage());
        assertEquals(List.of(kind, delay), error.getViolations());
    }

    @Test
    void theOutcomeIsTheServersWordAndElseTheCodes() {
        Fault said =
                Details.refused(
                        Status.Code.UNAVAILABLE,
                        Details.info("STORE_UNAVAILABLE", Map.of("outcome", "unknown")));
        assertEquals(Outcome.UNKNOWN, said.outcome());
        Fault not =
                Details.refused(
                        Status.Code.UNAVAILABLE,
                        Details.info("DRAINING", Map.of("outcome", "not_applied")));
        assertEquals(Outcome.NOT_APPLIED, not.outcome());
        assertEquals(Outcome.UNKNOWN, Details.refused(Status.Code.UNAVAILABLE).outcome());
        assertEquals(Outcome.NOT_APPLIED, Details.refused(Status.Code.NOT_FOUND).outcome());
    }

    @Test
    void aReasonOfANewerServerSurvivesAsText() {
        ErrorInfo newer = Details.info("SOMETHING_NEW", Map.of());
        TidemillException error = Details.refused(Status.Code.UNAVAILABLE, newer).exception();
        assertEquals(Optional.empty(), error.getReason());
        assertEquals("SOMETHING_NEW", error.getReasonName());
    }

    @Test
    void anotherDomainIsAProxysAndBrokenDetailsAreLeftOut() {
        ErrorInfo foreign =
                ErrorInfo.newBuilder().setReason("QUEUE_FULL").setDomain("proxy.example").build();
        Fault fault = Details.refused(Status.Code.UNAVAILABLE, foreign);
        assertEquals("UNAVAILABLE from http://here: m", fault.text());
        Any broken =
                Any.newBuilder()
                        .setTypeUrl("type.googleapis.com/google.rpc.BadRequest")
                        .setValue(ByteString.copyFrom(new byte[] {-1, -1, -1}))
                        .build();
        var status = com.google.rpc.Status.newBuilder().setCode(3).addDetails(broken);
        assertTrue(Statuses.read(status.build(), "a").refusal().violations().isEmpty());
    }

    private static BadRequest.FieldViolation violation(String field, String description) {
        return BadRequest.FieldViolation.newBuilder()
                .setField(field)
                .setDescription(description)
                .build();
    }
}
