"""Trains the example network: a small CNN on scikit-learn's 8 x 8 digits, quantised by onnxruntime.

    pip install -e '.[train]' && python examples/digits/train.py

Writes digits.onnx (QOperator, int8 weights per channel) and digits.npz (the held-out images `x`, labels `y`) beside this
file. The split and all seeds are fixed; the accuracy printed is that of the quantised file, run by onnxruntime.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).parent
SEED, EPOCHS, HELD_OUT = 7, 60, 360
CHANNELS = (16, 32, 32)


class Network(nn.Module):
    """Three 3 x 3 convolutions, two of them followed by 2 x 2 max pooling, and a fully connected layer."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = CHANNELS
        self.conv1 = nn.Conv2d(1, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.dense = nn.Linear(third * 2 * 2, 10)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv1(x))
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv3(x)), 2)
        return self.dense(self.dropout(x.flatten(1)))


def train(x: np.ndarray, y: np.ndarray) -> Network:
    """Adam with a cosine schedule; images are shifted by up to one pixel for variety."""
    torch.manual_seed(SEED)
    network, batch = Network(), 64
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(images)).split(batch):
            shift = tuple(int(v) for v in torch.randint(-1, 2, (2,)))
            sample = torch.roll(images[index], shift, (2, 3))
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(sample), labels[index], label_smoothing=0.05).backward()
            optimiser.step()
        schedule.step()
    return network.eval()


def to_onnx(network: Network) -> onnx.ModelProto:
    """The float network as ONNX, built node by node so that the file does not depend on an exporter's version."""
    weights = {name.replace(".", "_"): value.detach().numpy() for name, value in network.named_parameters()}
    nodes, tensor = [], "image"
    for index, pool in ((1, False), (2, True), (3, True)):
        nodes.append(helper.make_node("Conv", [tensor, f"conv{index}_weight", f"conv{index}_bias"], [f"c{index}"], f"conv{index}",
                                      kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"], f"relu{index}"))
        tensor = f"r{index}"
        if pool:
            nodes.append(helper.make_node("MaxPool", [tensor], [f"p{index}"], f"pool{index}", kernel_shape=[2, 2], strides=[2, 2]))
            tensor = f"p{index}"
    nodes.append(helper.make_node("Flatten", [tensor], ["flat"], "flatten"))
    nodes.append(helper.make_node("Gemm", ["flat", "dense_weight", "dense_bias"], ["scores"], "dense", transB=1))
    graph = helper.make_graph(
        nodes, "digits", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


class Calibration(CalibrationDataReader):
    """Training images, one at a time."""

    def __init__(self, images: np.ndarray) -> None:
        self.samples = iter([{"image": image[None]} for image in images])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.samples, None)


def main() -> None:
    digits = load_digits()
    images = digits.images.astype(np.float32)[:, None]
    x, held_x, y, held_y = train_test_split(images, digits.target, test_size=HELD_OUT, random_state=SEED, stratify=digits.target)
    network = train(x, y)
    floating, quantised = HERE / "digits_float.onnx", HERE / "digits.onnx"
    onnx.save(to_onnx(network), floating)
    quantize_static(floating, quantised, Calibration(x[:300]), quant_format=QuantFormat.QOperator, per_channel=True,
                    activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)
    floating.unlink()
    session = onnxruntime.InferenceSession(str(quantised))
    scores = np.concatenate([session.run(None, {"image": image[None]})[0] for image in held_x])
    np.savez_compressed(HERE / "digits.npz", x=held_x.astype(np.uint8), y=held_y.astype(np.uint8))
    print(f"held-out accuracy of {quantised.name}: {(scores.argmax(1) == held_y).mean():.2%} of {len(held_y)}")


if __name__ == "__main__":
    main()
