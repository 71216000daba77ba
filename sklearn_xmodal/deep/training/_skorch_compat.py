"""The only place that touches private names of skorch."""


def set_training(net):
    """Switch module and criterion to training."""
    net._set_training(True)
