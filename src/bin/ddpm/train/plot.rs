//! `loss.svg`: the losses of a run over its steps.

use ddpm::error::{Error, Result};
use plotters::prelude::*;

use super::metrics::Line;

/// Width and height, in pixels.
const SIZE: (u32, u32) = (900, 540);

/// A curve: its name, colour and points (step, loss).
type Curve = (&'static str, RGBColor, Vec<(f64, f64)>);

/// The curves of `lines` as an SVG, or none if there are no points yet.
///
/// # Errors
/// If it cannot be drawn.
pub fn draw(lines: &[Line]) -> Result<Option<String>> {
    let (mut training, mut validation) = (Vec::new(), Vec::new());
    for line in lines {
        match line {
            Line::Training { step, loss, .. } => training.push((f64::from(*step), f64::from(*loss))),
            Line::Validation { step, validation_loss } => {
                validation.push((f64::from(*step), *validation_loss));
            }
        }
    }
    let curves = [("training", BLUE, training), ("validation (mean squared error)", RED, validation)];
    // The scale is logarithmic.
    let points: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|(_, _, points)| points.iter().copied())
        .filter(|(_, loss)| *loss > 0.0)
        .collect();
    if points.is_empty() {
        return Ok(None);
    }
    let mut svg = String::new();
    svg_of(&mut svg, &curves, &points)
        .map_err(|error| Error::input(format!("the plot cannot be drawn ({error})")))?;
    Ok(Some(svg))
}

fn svg_of(
    svg: &mut String,
    curves: &[Curve],
    points: &[(f64, f64)],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let last_step = points.iter().map(|(step, _)| *step).fold(1.0, f64::max);
    let lowest = points.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
    let highest = points.iter().map(|(_, loss)| *loss).fold(0.0, f64::max);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..last_step, (lowest * 0.9).log10()..(highest * 1.1).log10())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("steps")
        .y_desc("loss")
        .x_label_formatter(&|step| format!("{step:.0}"))
        // Plotters' own logarithmic axis has labels at powers of ten only, and losses cross one of them.
        .y_label_formatter(&|logarithm| format!("{:.3}", 10f64.powf(*logarithm)))
        .draw()?;
    for (name, colour, points) in curves.iter().filter(|(_, _, points)| !points.is_empty()) {
        let positive = points.iter().filter(|(_, loss)| *loss > 0.0);
        let positive = positive.map(|(step, loss)| (*step, loss.log10()));
        let colour = *colour;
        // A curve of few points is hard to see without.
        let dot = if points.len() < 50 { 3 } else { 0 };
        chart
            .draw_series(LineSeries::new(positive, colour.stroke_width(2)).point_size(dot))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
