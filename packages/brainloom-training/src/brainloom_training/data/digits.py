"""Small images of handwritten digits."""

from brainloom_core import at_least, checked

from .splits import Splits, stratified_split

__all__ = ["digits"]


@checked(seed=at_least(0))
def digits(seed: int = 0) -> Splits:
    """Handwritten digits of 8 x 8 pixels from scikit-learn, 1797 in all.

    70 % are for training, 15 % for validation and 15 % for the test, with all classes in each.

    Args:
        seed: Which division. The samples themselves are always the same.

    Returns:
        Three pairs: pixels from 0 to 1, shape `(N, 64)`, and digits, shape `(N,)`.

    Raises:
        ImportError: scikit-learn is not installed.

    References:
        Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
        Repository, doi:10.24432/C50P49.

    Examples:
        >>> from brainloom_training import data
        >>> train, validation, test = data.digits()
        >>> train[0].shape, validation[0].shape, test[0].shape
        ((1258, 64), (270, 64), (269, 64))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'The digits need scikit-learn. Install it with: pip install "brainloom-training[data]"'
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    parts = stratified_split(labels, (0.7, 0.15, 0.15), seed)
    return Splits(*((pixels[part] / 16.0, labels[part]) for part in parts))
