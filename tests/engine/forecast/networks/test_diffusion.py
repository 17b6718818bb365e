import pytest
import torch

from engine.forecast.networks.diffusion import DDIM, Ancestral, Multistep, Schedule, clean_estimate


def test_the_schedule_is_that_of_the_released_code():
    beta = Schedule().beta
    assert float(beta[0]) == pytest.approx(1e-4)
    assert float(beta[49]) == pytest.approx(0.5)
    # The middle by hand: (sqrt(1e-4) + 25/49 (sqrt(0.5) - sqrt(1e-4)))^2.
    assert float(beta[25]) == pytest.approx((0.01 + 25 / 49 * (0.5**0.5 - 0.01)) ** 2)


def test_what_is_left_of_the_signal_is_the_product_of_what_each_step_leaves():
    schedule = Schedule(steps=5)
    left, by_hand = 1.0, []
    for beta in schedule.beta.tolist():
        left *= 1 - beta
        by_hand.append(left)
    torch.testing.assert_close(schedule.alpha_bar, torch.tensor(by_hand, dtype=torch.float64))


def test_noising_step_by_step_and_at_once_have_one_variance():
    schedule = Schedule(steps=6)
    variance = 2.5  # of the clean tensor
    for beta in schedule.beta.tolist():
        variance = (1 - beta) * variance + beta
    kept = float(schedule.alpha_bar[-1])
    assert variance == pytest.approx(kept * 2.5 + 1 - kept)


@pytest.mark.parametrize(
    "wrong", [{"steps": 1}, {"first": 0.0}, {"last": 1.0}, {"first": 0.5, "last": 0.1}]
)
def test_a_schedule_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="are no schedule"):
        Schedule(**wrong)


def unasked() -> torch.Tensor:
    """Samplers without chance ask for no noise."""
    raise AssertionError("fresh noise was requested")


def gaussian(schedule: Schedule, mean: float, std: float):
    """The best denoiser there is for one normal distribution, in closed form."""
    kept = schedule.alpha_bar

    def denoise(x: torch.Tensor, k: int) -> torch.Tensor:
        a = float(kept[k])
        clean = mean + std**2 * a**0.5 / (a * std**2 + 1 - a) * (x - a**0.5 * mean)
        return (x - a**0.5 * clean) / (1 - a) ** 0.5

    return denoise


@pytest.mark.parametrize(
    ("sampler", "off"),
    # Fresh noise of the smaller of Ho et al.'s two variances draws a little too narrowly.
    [(Ancestral(), 0.09), (DDIM(25), 0.06), (DDIM(25, eta=1.0), 0.09), (Multistep(10), 0.03)],
)
def test_samplers_draw_the_distribution_that_the_denoiser_knows(sampler, off):
    schedule = Schedule()
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(20_000, generator=generator, dtype=torch.float64)
    drawn = sampler.sample(
        schedule,
        gaussian(schedule, 3.0, 0.5),
        noise,
        lambda: torch.randn(20_000, generator=generator, dtype=torch.float64),
    )
    assert float(drawn.mean()) == pytest.approx(3.0, abs=off)
    assert float(drawn.std()) == pytest.approx(0.5, abs=off)


def test_second_order_is_nearer_than_first_in_as_few_steps():
    schedule = Schedule()
    denoise = gaussian(schedule, 3.0, 0.5)
    noise = torch.linspace(-2, 2, 41, dtype=torch.float64)
    exact = DDIM(50).sample(schedule, denoise, noise, unasked)
    first = DDIM(8).sample(schedule, denoise, noise, unasked)
    second = Multistep(8).sample(schedule, denoise, noise, unasked)
    assert (second - exact).abs().max() < 0.5 * (first - exact).abs().max()


def test_few_steps_ask_the_denoiser_that_often_and_end_at_the_first_step():
    requested = []

    def denoise(x, k):
        requested.append(k)
        return torch.zeros_like(x)

    Multistep(8).sample(Schedule(), denoise, torch.ones(3), unasked)
    assert len(requested) == 8
    assert requested[0] == 49
    assert requested[-1] == 0
    assert requested == sorted(requested, reverse=True)


def test_a_limit_holds_the_clean_estimate():
    found = clean_estimate(torch.tensor([100.0, 1.0]), torch.zeros(2), 0.25, 8.0)
    torch.testing.assert_close(found, torch.tensor([8.0, 2.0]))


@pytest.mark.parametrize("sampler", [DDIM(51), Multistep(51), DDIM(0)])
def test_more_steps_than_the_schedule_has_are_refused(sampler):
    with pytest.raises(ValueError, match="take 1 to 50"):
        sampler.sample(Schedule(), lambda x, k: x, torch.ones(2), unasked)
