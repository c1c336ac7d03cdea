//! Strata, estimates, and what a table of terms comes to.

use ddpm::diffusion::bound::prior_bpd;
use ddpm::eval::{BoundTable, Estimate, Strata, Term};
use ddpm::schedule::Schedule;
use ddpm::spec::DiffusionSpec;

#[test]
fn strata_are_all_of_t_once_and_the_decoders_is_alone() {
    for (num_timesteps, count) in [(1000, 1000), (1000, 2), (1000, 21), (1000, 999), (40, 7), (2, 2), (1, 1)]
    {
        let strata = Strata::new(num_timesteps, count).expect("strata");
        let ranges = strata.ranges();
        assert_eq!(ranges.len(), count as usize);
        assert_eq!(ranges[0], 0..1);
        assert_eq!(ranges.last().expect("one at least").end, num_timesteps);
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        let widths: Vec<u32> = ranges[1..].iter().map(|range| range.end - range.start).collect();
        assert!(widths.windows(2).all(|pair| pair[0] <= pair[1] + 1), "{widths:?}");
        assert!(count != 21 || widths[0] == 1 && widths[19] > 200, "{widths:?}");
    }
    for count in [0, 1, 1001] {
        let error = Strata::new(1000, count).expect_err("not so many").to_string();
        assert!(error.contains("expected 2 to 1000"), "{error}");
    }
}

#[test]
fn drawn_timesteps_cover_their_ranges_evenly() {
    let strata = Strata::new(1000, 8).expect("strata");
    for (ix, range) in strata.ranges().iter().enumerate() {
        let drawn: Vec<u32> = (0..4000).map(|picture| strata.timestep(5, picture, ix as u32)).collect();
        assert!(drawn.iter().all(|t| range.contains(t)));
        let mean = drawn.iter().map(|&t| f64::from(t)).sum::<f64>() / 4000.0;
        let middle = f64::from(range.start + range.end - 1) / 2.0;
        // Four standard errors of a uniform draw.
        let allowed = 4.0 * f64::from(range.end - range.start) / 12f64.sqrt() / 4000f64.sqrt();
        assert!((mean - middle).abs() <= allowed, "{range:?}: {mean}");
        if range.end - range.start >= 100 {
            let first_quarter =
                drawn.iter().filter(|&&t| t - range.start < (range.end - range.start) / 4).count();
            assert!((850..1150).contains(&first_quarter), "{range:?}: {first_quarter} of 4000");
        }
    }
}

#[test]
fn estimates_have_the_intervals_of_students_t() {
    let estimate = Estimate::of([1.0, 2.0, 3.0, 4.0, 10.0].into_iter());
    assert_eq!(estimate.mean, 4.0);
    assert!((estimate.standard_error - (50.0f64 / 4.0 / 5.0).sqrt()).abs() < 1e-12);
    // 2.776 standard errors with 4 degrees of freedom.
    assert!((estimate.half_width / estimate.standard_error - 2.776).abs() < 0.03, "{estimate:?}");
    let many = Estimate::of((0..16).map(f64::from));
    assert!((many.half_width / many.standard_error - 2.131).abs() < 1e-3, "{many:?}");
    assert!(Estimate::of([3.0].into_iter()).half_width.is_infinite());
}

#[test]
fn a_table_adds_up() {
    let spec = DiffusionSpec::default();
    let schedule = Schedule::new(&spec).expect("a schedule");
    let x_start = [0.5f32, -0.5, 1.0, -1.0];
    let priors: Vec<f64> =
        x_start.chunks(2).map(|x| prior_bpd(&schedule, &[x[0].into(), x[1].into()])).collect();
    let term = |vb: f32, xstart_mse: f32, mse: f32| Term { vb, xstart_mse, mse };
    // t = 0, 1 to 31, 32 to 999.
    let strata = Strata::new(1000, 3).expect("strata");
    let widths: Vec<f64> = strata.ranges().iter().map(|range| f64::from(range.end - range.start)).collect();
    let terms = vec![
        term(1.5, 0.01, 0.9),
        term(0.002, 0.04, 0.05),
        term(0.0001, 0.25, 0.01),
        term(2.5, 0.03, 0.7),
        term(0.004, 0.12, 0.07),
        term(0.0003, 0.35, 0.03),
    ];
    let table = BoundTable::new(&schedule, strata, &x_start, terms.clone());
    let near = |found: f64, want: f64| assert!((found - want).abs() < 1e-6, "{found}, expected {want}");
    let prior = (priors[0] + priors[1]) / 2.0;
    let middle = widths[1] * 0.003 + widths[2] * 0.0002;
    near(table.prior().mean, prior);
    near(table.decoder().mean, 2.0);
    near(table.middle().mean, middle);
    near(table.total().mean, prior + middle + 2.0);
    near(table.noise_error().mean, (0.8 + widths[1] * 0.06 + widths[2] * 0.02) / 1000.0);
    let points = table.rate_distortion();
    assert_eq!(points.len(), 3);
    assert!(points.windows(2).all(|pair| pair[0].rate.mean < pair[1].rate.mean), "{points:?}");
    let last = &points[2];
    near(last.rate.mean, prior + middle);
    near(last.reverse_time, 1000.0);
    near(last.distortion, 127.5 * 0.02f64.sqrt());
    near(points[0].rate.mean, prior + 0.0002 * (widths[2] - 1.0) / 2.0);

    // All t: the first point has sent x_{T−1} alone.
    let strata = Strata::all(3);
    let schedule = Schedule::new(&DiffusionSpec { num_timesteps: 3, ..spec }).expect("a schedule");
    let table = BoundTable::new(&schedule, strata, &x_start, terms);
    let points = table.rate_distortion();
    near(points[0].rate.mean, table.prior().mean);
    near(points[1].rate.mean - points[0].rate.mean, 0.0002);
    assert_eq!(points[0].reverse_time, 1.0);
}
