"""What the measures in tables are, in a sentence each, for the notes of a paper."""

from __future__ import annotations

from collections.abc import Iterable

from bench.catalogue.metrics.measures import averaged, is_averaged, plain_name
from bench.evidence.results import Evidence
from bench.records.schema import RecordedChoice

FRECHET = "Fréchet distance between Gaussians fitted to the features of the generated and of the reference samples"
KERNEL = "Squared maximum mean discrepancy to the reference samples with a cubic kernel of the features, unbiased"
SHARES = "between the true and the generated distribution over the modes and “none of them”"
DEFINITIONS = {
    "overlap": f"One minus the total variation distance {SHARES}. Only samples within three standard "
    "deviations of a mode belong to it; of sounds and strings, only those recognised as tones or accepted.",
    "overlap_at_least": "Lower bound of the overlap, one minus the total variation distance over modes, from the share "
    "of samples of high quality and the KL divergence (Pinsker's inequality).",
    "overlap_confident": f"One minus the total variation distance {SHARES}, where modes are the classes of which a "
    "classifier is confident.",
    "modes_confident": "Classes of which the classifier is confident for at least {minimum} generated {samples}.",
    "high_quality": "Share of samples within three standard deviations of the nearest mode; of sounds and strings, of "
    "those that are recognised or accepted.",
    "confident": "Share of images of whose class the classifier is confident.",
    "kl": "Divergence of the histogram over modes from the true weights, in nats.",
    "fd": f"{FRECHET}.",
    "fid": f"{FRECHET} of Inception.",
    "spectral_fd": f"{FRECHET}, log power in 64 bands of the spectrum.",
    **{
        f"js_{n}": f"Jensen-Shannon divergence of the {n}-grams from those of the training split, in bits."
        for n in range(1, 5)
    },
    "accepted": "Share of strings that the grammar of the data accepts.",
    "kd": f"{KERNEL}.",
    "kid": f"{KERNEL}, with the features of Inception.",
    "precision": "Share of generated samples within the ball of a real sample to its k-th neighbour (Kynkäänniemi et "
    "al. 2019).",
    "recall": "Share of real samples within the ball of a generated sample to its k-th neighbour (Kynkäänniemi et al. "
    "2019).",
    "density": "Number of balls of real samples that hold a generated sample, divided by k, mean (Naeem et al. 2020).",
    "coverage": "Share of the balls of real samples that hold a generated sample (Naeem et al. 2020).",
    "inception_score": "Exponential of the mean divergence of class probabilities from their mean (Salimans et al. "
    "2016).",
    "classifier_score": "As the Inception Score, with the classes of the data (Salimans et al. 2016).",
    "cas": "Classification accuracy score: accuracy on held-out real samples of a classifier trained on generated ones "
    "(Ravuri & Vinyals 2019).",
    "examples_accuracy": "Accuracy of a classifier trained on the real examples of the run alone.",
    "generated_accuracy": "The same with generated samples as half of each batch.",
    "augmented_accuracy": "The same with shifted and rotated examples.",
    "both_accuracy": "The same with shifted and rotated examples and generated samples.",
    "gain": "Accuracy with generated samples minus that with the examples alone, paired by run.",
    "gain_over_augmentation": "Accuracy with generated samples minus that with shifted and rotated examples, paired.",
    "gain_beside_augmentation": "Accuracy with both minus that with shifted and rotated examples, paired by run.",
    "swd": "Sliced Wasserstein distance of order 1 to the reference samples.",
    "distance": "Distance of the parameters of both players from the equilibrium.",
}
POINTS = "Modes with at least {minimum} generated {samples} within three standard deviations."
RULES = "Modes of which at least {minimum} generated {samples} are recognised."
CLASSES = "classes to which a classifier assigns at least {minimum} generated {samples}."


def definitions(evidence: Evidence, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the label and the definition of each of these measures that has one, and of what they build upon.

    Args:
        evidence: The records.
        names: Measures, which may be those of averaged generators.
    """
    names = list(names)
    plain = dict.fromkeys(map(plain_name, names))
    written = [(evidence.describe(name).label, text) for name in plain if (text := _define(evidence, name))]
    if any(map(is_averaged, names)):
        label = evidence.describe(averaged(next(iter(plain)))).label.rpartition(" ")[2]
        written.append((label, "The measure of the generator whose weights are a moving average."))
    return tuple(written)


def _define(evidence: Evidence, name: str) -> str:
    counts = sorted({_minimum(each.evaluation.metrics) for each in evidence.metadata.values()})
    one = counts == ["1"]
    words = {"minimum": "one" if one else " or ".join(counts), "samples": "sample" if one else "samples"}
    if name == "modes":
        known = [each.data.modes for each in evidence.metadata.values() if each.data.modes]
        if known and all(modes.names for modes in known):
            return RULES.format(**words)
        of_points = any(modes.centres for modes in known)
        of_images = any(not each.data.modes for each in evidence.metadata.values() if "modes" in each.final)
        texts = [text for text, wanted in ((POINTS, of_points), (CLASSES, of_images)) if wanted]
        return " Of images: ".join(texts).format(**words)
    return DEFINITIONS.get(name, "").format(**words)


def _minimum(metrics: Iterable[RecordedChoice]) -> str:
    """The number of samples that a mode needs, an option of the metric."""
    return str(next((each.options.get("minimum", 1) for each in metrics if each.name == "modes"), 1))
