//! `rate-distortion.svg`: figure 5 of arXiv 2006.11239.

use ddpm::error::{Error, Result};
use ddpm::eval::RatePoint;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width and height, in pixels.
const SIZE: (u32, u32) = (1200, 380);

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

/// Distortion and rate over the reverse process, and over one another.
///
/// # Errors
/// If it cannot be drawn.
pub fn draw(points: &[RatePoint]) -> Result<String> {
    let mut svg = String::new();
    panels(&mut svg, points).map_err(|error| Error::input(format!("the plot cannot be drawn ({error})")))?;
    Ok(svg)
}

fn panels(svg: &mut String, points: &[RatePoint]) -> Drawn {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let curve = |x: fn(&RatePoint) -> f64, y: fn(&RatePoint) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|point| (x(point), y(point))).collect()
    };
    let time = |point: &RatePoint| point.reverse_time;
    let rate = |point: &RatePoint| point.rate.mean;
    let distortion = |point: &RatePoint| point.distortion;
    let (steps, bits, error) = ("reverse process steps", "rate (bits/dim)", "distortion (RMSE, 0 to 255)");
    let curves = [
        (steps, error, curve(time, distortion)),
        (steps, bits, curve(time, rate)),
        (bits, error, curve(rate, distortion)),
    ];
    for (panel, (x_title, y_title, points)) in area.split_evenly((1, 3)).iter().zip(&curves) {
        draw_panel(panel, [x_title, y_title], points)?;
    }
    area.present()?;
    Ok(())
}

fn draw_panel(
    panel: &DrawingArea<SVGBackend<'_>, Shift>,
    [x_title, y_title]: [&str; 2],
    points: &[(f64, f64)],
) -> Drawn {
    let last = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let mut chart = ChartBuilder::on(panel)
        .margin(14)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..last(|point| point.0), 0.0..last(|point| point.1) * 1.05)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(5)
        .x_desc(x_title)
        .y_desc(y_title)
        .draw()?;
    chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)))?;
    Ok(())
}
