"""The paper's network, its optimisers and its training written out plainly with JAX: the oracle of the numpy ones."""

import jax
import jax.numpy as jnp
import numpy as np

from agez.paper_network.architecture import initial_parameters


def forward(parameters, inputs, architecture):
    """Outputs (n,) of the network as the paper draws it, by JAX's own convolution."""
    x = inputs[:, :, None]
    for layer in ("conv1", "conv2"):
        kernel = parameters[f"{layer}_kernel"]
        left = (kernel.shape[0] - 1) // 2
        x = jax.lax.conv_general_dilated(
            x, kernel, (1,), [(left, kernel.shape[0] - 1 - left)], dimension_numbers=("NWC", "WIO", "NWC")
        )
        x = jax.nn.relu(x + parameters[f"{layer}_bias"])
    pool = architecture.pool
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, pool, 1), (1, pool, 1), "VALID")
    x = jax.nn.relu(x.reshape(len(x), -1) @ parameters["dense_kernel"] + parameters["dense_bias"])
    return (x @ parameters["output_kernel"] + parameters["output_bias"])[:, 0]


def value_and_gradient(architecture):
    """``f(parameters, inputs, target)``: the mean squared error and its gradient, compiled."""
    return jax.jit(jax.value_and_grad(lambda p, x, y: jnp.mean((forward(p, x, architecture) - y) ** 2)))


def rmsprop(p, gradients, rates):
    """p after steps of RMSprop (Tieleman & Hinton 2012), in float64."""
    p, v = np.array(p, float), 0.0
    for g, rate in zip(gradients, rates, strict=True):
        v = 0.9 * v + 0.1 * np.square(g, dtype=float)
        p = p - rate * g / np.sqrt(v + 1e-7)
    return p


def adam(p, gradients, rates):
    """p after steps of Adam (Kingma & Ba 2015, algorithm 1), in float64."""
    p, m, v = np.array(p, float), 0.0, 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = 0.9 * m + 0.1 * np.asarray(g, float)
        v = 0.999 * v + 0.001 * np.square(g, dtype=float)
        p = p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    return p


OPTIMIZERS = {"rmsprop": rmsprop, "adam": adam}


def train(job):
    """Parameters after each epoch of a job, and both learning curves; every step from the gradients of all before."""
    rng = np.random.default_rng(job.seed)
    start = initial_parameters(job.architecture, job.inputs.shape[1], rng)
    parameters, gradients, rates, after, curves = start, [], [], [], []
    gradient_of = value_and_gradient(job.architecture)
    for epoch in range(job.settings.max_epochs):
        order, total = rng.permutation(job.train), 0.0
        for first in range(0, len(order), job.settings.batch_size):
            rows = order[first : first + job.settings.batch_size]
            value, gradient = gradient_of(parameters, job.inputs[rows], job.target[rows])
            gradients.append(jax.tree.map(np.asarray, gradient))
            rates.append(job.settings.learning_rate_at(epoch))
            parameters = {
                name: OPTIMIZERS[job.settings.optimizer](p, [g[name] for g in gradients], rates).astype(np.float32)
                for name, p in start.items()
            }
            total += float(value) * len(rows)
        after.append(parameters)
        value, _ = gradient_of(parameters, job.inputs[job.validation], job.target[job.validation])
        curves.append((total / len(order), float(value)))
    return after, *np.transpose(curves)
