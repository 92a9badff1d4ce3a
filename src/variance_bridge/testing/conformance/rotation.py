"""What becomes of a refresh token that an answer replaces: it is kept, or the run ends."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from variance_bridge.document import exact_json
from variance_bridge.errors import BridgeError, ConfigurationError
from variance_bridge.personal_values import Secret
from variance_bridge.testing import canaries
from variance_bridge.testing.case_decorator import Complaints, NotApplicableError, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase
from variance_bridge.testing.recorded_run import RecordedRun, run_recording
from variance_bridge.testing.recordings import Recording, parse_body


class Rotation(ConformanceCase):
    """KEEP."""

    @case("KEEP-01")
    def test_a_rotated_token_is_kept(self) -> Complaints:
        """A refresh token that an answer rotates is handed to `context.store_credential` before it is needed again.

        RFC 6749, section 6: the old one may be dead from then on.
        """
        for name, run, stored in self._rotated(keeps=True):
            if not any(secret.reveal() == canaries.ROTATED for secret in stored):
                yield f"{name}: the new refresh token is thrown away"
            yield from _shown_rotated(name, run)

    @case("KEEP-02")
    def test_a_rotated_token_that_cannot_be_kept_ends_the_run(self) -> Complaints:
        """Where `store_credential` raises, the run ends with that error, before the new token is used or shown anywhere.

        The next run would have the old one, which may be dead.
        """
        for name, run, stored in self._rotated(keeps=False):
            if stored and not isinstance(run.error, BridgeError):
                yield f"{name}: the new refresh token is lost, and the run goes on: let the error of `store_credential` end it"
            yield from _shown_rotated(name, run)

    def _rotated(self, *, keeps: bool) -> Iterator[tuple[str, RecordedRun, list[Secret]]]:
        """A run on each recording whose token answers bring a new refresh token, and what it stored."""
        names = [one.name for record in self.subject().records for one in record.credentials]
        recordings = [one.recording for one in self.recorded_runs()]
        answers = [one for one in map(_with_rotation, recordings) if one is not None]
        if not any("REFRESH" in name for name in names) or not answers:
            raise NotApplicableError("no credential is a refresh token that an answer could rotate")
        for recording in answers:
            stored: list[Secret] = []

            def store(_name: str, secret: Secret, stored: list[Secret] = stored) -> None:
                stored.append(secret)
                if not keeps:
                    raise ConfigurationError("the new refresh token cannot be kept")

            yield (
                recording.name,
                run_recording(self.subject(), recording, store_credential=store),
                stored,
            )


def _with_rotation(recording: Recording) -> Recording | None:
    """The recording with a new refresh token in the answers that grant an access token; None where there is none."""
    exchanges = []
    for one in recording.exchanges:
        answer = parse_body(one.body) if one.method == "POST" else None
        if isinstance(answer, dict) and "access_token" in answer:
            body = exact_json.dumps({**answer, "refresh_token": canaries.ROTATED})
            one = attrs.evolve(one, body=body)  # noqa: PLW2901
        exchanges.append(one)
    if tuple(exchanges) == recording.exchanges:
        return None
    return attrs.evolve(recording, exchanges=tuple(exchanges))


def _shown_rotated(name: str, run: RecordedRun) -> Complaints:
    hint = getattr(run.error, "hint", "") or ""
    shown = {
        "a warning": "\n".join(run.warnings),
        "the log": run.log,
        "the output": run.printed,
        "an error": f"{run.error} {hint}",
    }
    yield from (
        f"{name}: {place} shows the new token"
        for place, text in shown.items()
        if canaries.ROTATED in text
    )
