"""Between two worlds of Gray-Scott: what is seen on the straight way from one to the other.

jaxlife run --config=configs/quantify/interpolation.py --workdir=runs/interpolation

The full size was not run. With `--config.points=9 --config.generations=9 --config.n_inits=2`: similarity of the two
ends .286; a quarter of the whole change lies between the last two points, so the way is not even.
"""

from jaxlife.bin import settings


def get_config(arg=None):  # noqa: ANN001, ANN201
    return settings.quantification(
        arg,
        question="interpolation",
        world="gray_scott",
        world_args={"size": 64},
        params="1; 2",
        points=33,
        n_inits=4,
        stride=900,
        generations=33,
        smoke={"world_args.size": 16, "points": 3, "generations": 3},
    )
