"""Models that predict distributions: flags, columns and expected photometry of their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from agez.distributions.mixture import marginal_of
from agez.flags import Flag, set_flag
from agez.mixture_network.averaged_answers import averaged_answers
from agez.mixture_network.calibration import REFERENCE_TARGETS
from agez.mixture_network.contradicted_band import band_names, without_contradicted
from agez.mixture_network.mixture_model import MixtureNetwork, leading, read_network
from agez.mixture_network.redshift_inside import LEAST_ANSWERED, LEAST_TRUSTED, UNKNOWN_STRETCH, inside_redshift
from agez.mixture_network.row_answers import RowAnswers, RowInputs, answers, levels
from agez.models.asked import Asked
from agez.models.features import normalised
from agez.models.model import Model
from agez.models.weak_bands import band_weights
from agez.targets import derived_of
from agez.types import QUANTILES, WIDE_QUANTILES, Bools, Floats, Photometry, Prediction

#: Probabilities of the quantiles, ascending, and the place among them of each column of a Prediction.
PROBABILITIES = np.array(sorted((*QUANTILES.values(), *WIDE_QUANTILES.values())))
#: Networks of more targets answer at least for so many: calibrated intervals depend on them.
LEAST_LEADING = REFERENCE_TARGETS
COLUMN_PLACES = np.searchsorted(PROBABILITIES, (*QUANTILES.values(), *WIDE_QUANTILES.values()))


def in_parts(
    photometry: Photometry, others: Bools, answer: Callable[[Photometry], Prediction],
    answer_others: Callable[[Photometry], Prediction],
) -> Prediction:  # fmt: skip
    """Rows answered one way, and ``others`` (n,) another way, in their order."""
    parts = [np.flatnonzero(~others), np.flatnonzero(others)]
    each = [
        by(photometry.take(rows)) for by, rows in zip((answer, answer_others), parts, strict=True) if len(rows)
    ]  # fmt: skip
    return each[0] if len(each) == 1 else Prediction.concatenate(each).take(np.argsort(np.concatenate(parts)))


class MixtureKind:
    """Networks that predict a mixture of Gaussians (:class:`agez.models.model.ModelKind`)."""

    word = "posterior"
    gives_distribution = True
    onnx_module = "agez.onnx.onnx_posterior"

    def __init__(self, model: Model, network: MixtureNetwork | None = None) -> None:
        self.model = model
        self.network: MixtureNetwork = read_network(model) if network is None else network
        #: Answers rows of unknown or broad redshift, where they have a network of their own.
        of_unknown = self.network.of_unknown
        self.of_unknown = None if of_unknown is None else MixtureKind(model, of_unknown)
        self._leading: dict[tuple[int, int | None], MixtureNetwork] = {}

    def most_missing(self) -> int:
        """Number of bands that a row may lack."""
        return len(self.model.bands) - int(self.model.header["least_bands"])

    def card_lines(self) -> list[str]:
        """Sentences for the model card."""
        header = self.model.header
        count, words = int(header["members"]), [target.short for target in self.model.targets]
        what = " and ".join(words) if len(words) < 3 else f"{len(words)} quantities, named below,"
        networks = f"{count} networks that take" if count > 1 else "one network that takes"
        lines = [
            f"A distribution of {what} for each row: {networks} any of its bands.",
            f"Rows need at least {header['least_bands']} bands.",
        ]
        if self.network.finder is not None:
            most = self.network.most_redshift_err
            lines.append(f"Redshifts that are unknown, or of an error above {most:g}, are found by another network.")
        return lines

    def expected(self, photometry: Photometry) -> tuple[Floats, Floats]:
        """Expected flux of each band and its error, predicted from the other bands of the row."""
        from agez.novelty.expected_photometry import expected  # few ask for it

        seds = normalised(photometry.flux, photometry.flux_err, photometry.covered)
        z_err = photometry.redshift_err
        z = np.where(np.isposinf(z_err), np.nan, photometry.redshift)
        if self.network.redshift_target is not None:
            network = self.leading(self.model.main_targets)
            z, z_err, _ = network.searched(network.answer(seds, z, z_err), z, z_err)
        flux, err = expected(self.network.novelty, seds, z, z_err)
        return flux * seds.scale[:, None], err * seds.scale[:, None]

    def leading(self, asked: Sequence[str], library: int | None = None) -> MixtureNetwork:
        """The network for the first of its targets up to the last that is asked for, made once; told a library."""
        names = [target.name for target in self.model.targets]
        sums = {one.name: one.sum_of for one in derived_of(self.model.targets)}
        wanted = [part for name in asked for part in sums.get(name, (name,))]
        if "redshift_phot" in names and any(self.model.targets[names.index(name)].per_flux for name in wanted):
            wanted.append("redshift_phot")  # on which the distance hangs
        last = max(names.index(name) for name in wanted)
        p = len(names) if len(names) <= LEAST_LEADING else max(last + 1, LEAST_LEADING)
        if (p, library) not in self._leading:
            own = leading(self.network, p)
            if library is not None:
                from agez.mixture_network.told_library import told  # where one is asked for

                own = told(own, library)
            self._leading[p, library] = own
        return self._leading[p, library]

    def answer(self, photometry: Photometry, *, compiled: bool = False, asked: Asked | None = None) -> Prediction:
        """Predict rows in the bands of the model, in its order; ``compiled`` by numba, which must be installed."""
        seen = bool(self.model.header.get("uses_redshift", True))  # else no redshift is shown, nor missed
        if photometry.redshift_mixture is not None and seen:
            from agez.mixture_network.redshift_averages import averaged_over_redshifts  # few catalogues need it

            return averaged_over_redshifts(self, photometry, compiled=compiled, asked=asked)
        asked = asked or Asked()
        others = self.network.for_others(photometry.redshift, photometry.redshift_err)
        if (self.of_unknown is None and self.network.finder is None) or not seen or not others.any():
            return self._answer(photometry, seen=seen, compiled=compiled, asked=asked)
        how: dict[str, Any] = {"compiled": compiled, "asked": asked}
        if self.of_unknown is not None:
            answer_others = partial(self.of_unknown._answer, seen=True, **how)
        else:
            from agez.mixture_network.redshift_finder import answered_where_found  # few models have a finder

            answer_others = partial(answered_where_found, self, **how)
        return in_parts(photometry, others, partial(self._answer, seen=True, **how), answer_others)

    def _answer(self, photometry: Photometry, *, seen: bool, compiled: bool, asked: Asked) -> Prediction:
        """Predict rows by this network alone; ``seen``: redshifts are shown."""
        model, header = self.model, self.model.header
        wanted = asked.targets(model)
        network = self.leading(wanted, asked.library_number(model))
        own = model.targets[: network.n_targets]
        sums = tuple(one for one in derived_of(own) if one.name in wanted)
        wanted = (*wanted, *(part for one in sums for part in one.sum_of))
        inside = inside_redshift(
            photometry.redshift if seen else np.full(len(photometry), np.nan), photometry.redshift_err,
            header["redshift_range"], tolerance=float(header["redshift_tolerance"]),
        )  # fmt: skip
        least_bands = int(header["least_bands"])
        weights = band_weights(photometry.flux, photometry.flux_err, photometry.covered)
        covered = photometry.covered if weights is None else photometry.covered & (weights > 0)
        few = covered.sum(axis=1) < least_bands
        with np.errstate(invalid="ignore"):
            outside = inside.share < LEAST_ANSWERED
            doubtful = inside.share < LEAST_TRUSTED
        unknown = np.isnan(inside.redshift)
        # answers as if redshifts were unknown know the range: times a distribution cut to it, it would count twice
        told = inside if network.shown_redshifts else photometry
        redshift, redshift_err = np.where(outside | unknown, np.nan, told.redshift), told.redshift_err
        rows = RowInputs(photometry.flux, photometry.flux_err, covered, redshift, redshift_err, ~(outside | few))

        per_flux = any(target.per_flux for target in own)

        def run(inputs: RowInputs) -> RowAnswers:
            if compiled:
                from agez.mixture_network.compiled_answers import compiled_answers

                found = compiled_answers(network, inputs, PROBABILITIES)
            else:
                found = answers(network, inputs, PROBABILITIES)
            if per_flux:
                from agez.mixture_network.target_units import per_microjansky  # few models need it

                return per_microjansky(found, own, normalised(inputs.flux, inputs.flux_err, inputs.covered).scale)
            return found

        stretch = 1.0 if header.get("knows_unknown_redshift") else UNKNOWN_STRETCH

        def average(inputs: RowInputs, weights: Floats | None) -> RowAnswers:
            return averaged_answers(
                network, inputs, weights, PROBABILITIES, least_bands=least_bands, unknown_stretch=stretch, run=run
            )  # fmt: skip

        predicted, contradicted = without_contradicted(
            average(rows, weights), rows, weights, least_bands=least_bands, answer=average
        )
        flags = set_flag(np.array(photometry.flags, np.int32), doubtful, Flag.REDSHIFT_OUTSIDE_MODEL)
        flags = set_flag(flags, np.asarray((covered < photometry.covered).any(axis=1)), Flag.BAND_NOT_COVERED)
        flags = set_flag(flags, few, Flag.TOO_FEW_BANDS)
        flags = set_flag(flags, predicted.no_flux & ~few, Flag.NO_DATA)
        if seen and (network.redshift_target is None or not header.get("knows_unknown_redshift")):
            flags = set_flag(flags, unknown, Flag.REDSHIFT_UNKNOWN)
        else:  # no fault of models that were trained to find it, or without it
            flags = np.where(unknown, flags & ~np.int32(int(Flag.REDSHIFT_UNKNOWN)), flags)
            flags = set_flag(flags, unknown & seen, Flag.REDSHIFT_ESTIMATED)
        flags = set_flag(flags, predicted.assumed, Flag.ERROR_ASSUMED)
        flags = set_flag(flags, contradicted, Flag.BAND_CONTRADICTED)
        with np.errstate(invalid="ignore"):
            flags = set_flag(flags, predicted.snr < float(header["least_snr"]), Flag.LOW_SNR)
            flags = set_flag(flags, predicted.ood > float(header["ood_threshold"]), Flag.OUT_OF_DISTRIBUTION)
            low, high = model.arrays["label_range"][:, : len(own)]
            bounded = [not target.per_flux and target.name in wanted for target in own]
            beyond = (predicted.mean < low) | (predicted.mean > high)
            flags = set_flag(flags, beyond[:, bounded].any(axis=1), Flag.OUT_OF_RANGE)
        if per_flux or any(target.scale != "linear" for target in own):
            from agez.mixture_network.target_units import in_units, with_sums

            predicted = in_units(
                predicted, own, levels(network, PROBABILITIES), redshift=redshift, redshift_err=redshift_err,
                redshift_range=tuple(header["redshift_range"]), independent=network.shown_redshifts,
                cosmology=asked.cosmology,
            )  # fmt: skip
            predicted = with_sums(predicted, own, sums, levels(network, PROBABILITIES))
        spread = None
        if asked.library_spread:
            from agez.mixture_network.library_spread import library_spread

            each = [self.leading(wanted, number) for number in range(len(header["libraries"]))]
            kept_bands = covered.copy()
            kept_bands[contradicted, predicted.worst_band[contradicted]] = False
            spread = library_spread(each, rows._replace(covered=kept_bands), own, sums, predicted)
        kept = [t for t, target in enumerate(own) if target.name in wanted]
        shown = [*kept, *range(len(own), len(own) + len(sums))]
        return Prediction(
            photometry.rows, (*(own[t] for t in kept), *sums), predicted.mean[:, shown],
            predicted.quantiles[shown][:, COLUMN_PLACES].transpose(2, 0, 1), predicted.ood, flags,
            {**photometry.meta, **model.answer_meta, **asked.meta(own)}, predicted.correlation, predicted.chi2,
            predicted.nearest, inside.share, predicted.worst_sigma,
            band_names(predicted.worst_band, contradicted, model.bands),
            None if spread is None else spread[:, shown],
            predicted.mixture if len(kept) == len(own) else marginal_of(predicted.mixture, kept),
        )  # fmt: skip
