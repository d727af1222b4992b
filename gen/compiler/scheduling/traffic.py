"""What comes on chip and leaves it around the work of each band: input, padding, rows that are spilled or needed again, outputs."""

from weft.gen.compiler.emitter import Emitter
from weft.gen.compiler.layout import Layout
from weft.gen.compiler.lower.context import byte_destination, byte_source
from weft.gen.compiler.network import Placed
from weft.gen.compiler.planning.plan import INPUT_WINDOW, SPILL_WINDOW
from weft.gen.compiler.scheduling.placement import Placement

INPUT_PARTS = 8  # pieces in which the input arrives, so that work starts before all of it is there


class Traffic:
    """Emits the instructions that move and fill. With `dump` every tensor that a node produces goes to the spill window as well:
    `dumped` says where, `spill_lines` how much of the window is in use."""

    def __init__(self, placement: Placement, emitter: Emitter, *, dump: bool) -> None:
        self.placement, self.emitter, self.dump = placement, emitter, dump
        self.graph, self.simple, self.plan = placement.graph, placement.simple, placement.plan
        self.dumped: dict[str, Placed] = {}
        self.spill_lines = self.plan.spill_lines

    def load_input(self) -> None:
        """Bring in a resident input with its padding, in parts."""
        name = self.simple.root[self.graph.input]
        if name in self.plan.spilled:
            return
        layout = self.plan.resident[name]
        if layout.dense:
            self.emitter.load(INPUT_WINDOW, 0, layout.base_line, layout.body_lines)
            return
        first, last = layout.row_line(0) - layout.left_lines, layout.row_line(layout.rows - 1) + layout.data_lines + layout.right_lines
        self.emitter.fill(layout.base_line, first - layout.base_line, layout.pad_value)
        part = -(-layout.rows // INPUT_PARTS)
        for row in range(0, layout.rows, part):
            self.emitter.load_rows(layout, row, min(row + part, layout.rows) - 1, INPUT_WINDOW, 0)
        self.emitter.fill(last, layout.base_line + layout.body_lines - last, layout.pad_value)

    def fill_padding(self, name: str) -> None:
        self.emitter.fill_padding(self.plan.resident[name])

    def fill_sides(self, step: int) -> None:
        """Put padding beside the rows of what passes from `step` to the next, in every buffer for it: rows come and go, sides stay."""
        layouts = self.plan.bands[step, self.simple.nodes[step].output]
        for base in dict.fromkeys(layout.base_line for layout in layouts):
            self.emitter.fill_padding(max((layout for layout in layouts if layout.base_line == base), key=lambda layout: layout.rows))

    def enter_band(self, step: int, number: int) -> None:
        """Bring in the rows of spilled inputs, with their padding."""
        node = self.simple.nodes[step]
        band = self.placement.bands(step)[number]
        for name, layout in dict(zip(node.inputs, band.inputs, strict=True)).items():
            root = self.simple.root[name]
            if root not in self.plan.spilled or (step in self.plan.handed and root == self.simple.nodes[step - 1].output):
                continue
            window, line = self.plan.spilled[root]
            top, bottom = max(0, layout.first_row), min(layout.tensor.shape[0], layout.first_row + layout.rows) - 1
            self._fill_beyond(layout)
            self.emitter.load_rows(layout, top, bottom, window, line)

    def prepare_output(self, step: int, number: int) -> None:
        """Put into the band of a spilled output what is not computed now: padding, and rows from the band before that are needed again."""
        node = self.simple.nodes[step]
        band = self.placement.bands(step)[number]
        if step in self.plan.in_place:
            return
        if step + 1 in self.plan.handed:
            if number:
                self._keep(self.placement.bands(step)[number - 1].output, band.output, band.first - 1)
            self._fill_beyond(band.output)
        elif node.output in self.plan.spilled:
            self.emitter.fill_padding(band.output)

    def _fill_beyond(self, layout: Layout) -> None:
        """Put padding into the rows of a band that lie above and below the tensor."""
        top, end = max(0, layout.first_row), min(layout.tensor.shape[0], layout.first_row + layout.rows)
        start = layout.row_line(top) - layout.left_lines
        stop = layout.row_line(end - 1) + layout.data_lines + layout.right_lines
        self.emitter.fill(layout.base_line, start - layout.base_line, layout.pad_value)
        self.emitter.fill(stop, layout.base_line + layout.body_lines - stop, layout.pad_value)

    def _keep(self, source: Layout, target: Layout, last: int) -> None:
        """Copy the rows up to `last` that a band needs again, with what stands beside them, from the buffer of the band before, which may
        be the same one: rows then move up, one after the other where they overlap."""
        first, size, left = max(0, target.first_row), self.emitter.line_bytes, target.left_lines * self.emitter.line_bytes
        distance = target.first_row - source.first_row
        if last < first or (source.base_line == target.base_line and not distance):
            return
        together = last - first + 1
        if source.base_line == target.base_line:
            together = min(together, distance)
        steps = (size, target.row_lines * size)
        for row in range(first, last + 1, together):
            end = min(row + together - 1, last)
            self.emitter.vector((target.row_lines, end - row + 1), byte_source(source, row, end, source.address(row) - left, steps),
                                byte_destination(target, row, end, target.address(row) - left, steps))

    def leave_band(self, step: int, number: int) -> None:
        """Write the rows of a spilled output to its home and, if it is one of the network's, to the output window."""
        node = self.simple.nodes[step]
        if node.output not in self.plan.spilled or (node.output in self.plan.passing and not self.dump):
            return
        band = self.placement.bands(step)[number]
        self.emitter.store_rows(band.output, band.first, band.last, *self.plan.spilled[node.output])
        for name, placed in zip(self.graph.outputs, self.placement.outputs, strict=True):
            if self.simple.root[name] == node.output:
                self.emitter.store_rows(band.output, band.first, band.last, placed.window, placed.line)

    def leave_layer(self, name: str) -> None:
        """Store a finished resident tensor if it is an output or dumped."""
        if name in self.plan.passing and not self.dump:
            return
        if name in self.plan.spilled:
            self.dumped[name] = Placed(*self.plan.spilled[name], Layout(
                self.simple.tensors[name], self.emitter.line_bytes, aligned=True, rows=self.simple.tensors[name].shape[0]))
            return
        layout = self.plan.resident[name]
        homes = zip(self.graph.outputs, self.placement.outputs, strict=True)
        targets = [placed for output, placed in homes if self.simple.root[output] == name]
        if self.dump:
            self.dumped[name] = Placed(SPILL_WINDOW, self.spill_lines, layout)
            self.spill_lines += self.dumped[name].lines
            targets.append(self.dumped[name])
        for placed in targets:
            self.emitter.store_rows(layout, 0, layout.rows - 1, placed.window, placed.line)
