"""What watches and steers the training: schedules, scores and progress."""

from contextlib import contextmanager

from skorch.callbacks import Callback
from tqdm.auto import tqdm

from sklearn_xmodal.deep._msln_network import reversal_strength
from sklearn_xmodal.deep.training._processes import told_by_first


@contextmanager
def telling_of_interrupts(net):
    """Let a net know of an interrupt that skorch would take for the end of training."""
    try:
        yield
    except KeyboardInterrupt:
        net.is_interrupted = True
        raise


class ReversalSchedule(Callback):
    """Raise the strength of gradient reversal from 0 to 1 over so many steps."""

    def __init__(self, n_steps, first_step=0):
        self.n_steps = n_steps
        self.first_step = first_step  # that many were done before

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start from no reversal, or where the last training ended."""
        self.step_ = self.first_step

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Set the strength of this step."""
        progress = min(self.step_ / self.n_steps, 1.0)
        net.module_.reversal.strength = reversal_strength(progress)
        self.step_ += 1


class ValidationScore(Callback):
    """Record ``valid_score`` after every epoch: module -> number, higher is better."""

    def __init__(self, score):
        self.score = score

    def on_epoch_end(self, net, **kwargs):
        """Score the network as it is now."""
        net.module_.eval()
        with telling_of_interrupts(net):
            score = told_by_first(lambda: self.score(net.module_), net.device)
            net.history.record("valid_score", score)

    def on_train_end(self, net, **kwargs):
        """Let go of the validation data."""
        self.score = None


class EpochProgress(Callback):
    """A progress bar over the epochs, with the name of what is trained."""

    def __init__(self, n_epochs, name="MSLN"):
        self.n_epochs = n_epochs
        self.name = name

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.n_epochs, desc=self.name, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance and show the mean loss of the epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.4f}")
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar_.close()
        del self.bar_


class EpochReport(Callback):
    """Tell how far a training is, for ``callbacks=`` of any network.

    Clones of a retriever, which a search trains, report to the same place.

    Parameters
    ----------
    begin : callable
        Called when training begins, it returns the function that takes the number
        of epochs done, and of those to do, after every epoch.

    Examples
    --------
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.deep import DCCARetriever, EpochReport
    >>> X_img, X_txt, _ = make_paired_modalities(100, random_state=0)
    >>> report = EpochReport(lambda: lambda done, n_epochs: print(done, "of", n_epochs))
    >>> dcca = DCCARetriever(2, max_epochs=2, callbacks=[report], random_state=0)
    >>> _ = dcca.fit(X_img, X_txt)
    1 of 2
    2 of 2
    """

    def __init__(self, begin):
        self.begin = begin

    def __sklearn_clone__(self):
        return EpochReport(self.begin)

    def on_train_begin(self, net, **kwargs):
        """Announce the training.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : dict
            Of skorch, not used.
        """
        self.tell_ = self.begin()

    def on_epoch_end(self, net, **kwargs):
        """Tell of the epoch.

        Parameters
        ----------
        net : skorch.NeuralNet
            What is trained.

        **kwargs : dict
            Of skorch, not used.
        """
        self.tell_(len(net.history), net.max_epochs)
