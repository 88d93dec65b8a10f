"""Attribution: where in an image a score, or a neuron's activation, comes from."""

from clipprobe.attribution import integrated_gradients, token_grad_cam
from clipprobe.attribution.explaining import explain
from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.registry import attribution_methods, register

register("integrated_gradients", integrated_gradients.integrated_gradients)
register("token_grad_cam", token_grad_cam.token_grad_cam)

__all__ = ["Explanation", "attribution_methods", "explain", "register"]
