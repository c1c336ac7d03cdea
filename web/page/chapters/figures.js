/** Pictures to begin with, drawn in a square of 28 units: clothes and digits in white, as the shipped models know them. */

const path = (commands) => (context) => context.fill(new Path2D(commands));
const stroke = (commands) => (context) => context.stroke(new Path2D(commands));

/** By name; each draws on a context whose unit is a 28th of the picture, filling and stroking in white. */
export const FIGURES = {
  shirt: path("M10 4Q14 7 18 4L22 5.5L26 12L22.5 14.5L20.5 12V25H7.5V12L5.5 14.5L2 12L6 5.5Z"),
  trousers: path("M9 2H19L20.5 26H15.8L14 9L12.2 26H7.5Z"),
  boot: path("M16.5 3.5H25V25H20.5V23H14.5Q13.5 25 11.5 25H2.5V21.5Q3 18 8 16.5Q15.5 14.5 16.5 3.5Z"),
  bag: (context) => {
    context.fill(new Path2D("M4 12H24L25.5 24.5H2.5Z"));
    context.lineWidth = 1.4;
    context.stroke(new Path2D("M9 12Q9 4.5 14 4.5T19 12"));
  },
  three: stroke("M9 7Q12 4.5 15.5 5Q19.5 6 18.5 10Q17.5 13 13 13.5Q19.5 14 19.5 18.5Q19 23 14 23.5Q10.5 23.5 8.5 21"),
  seven: stroke("M8 6.5H19.5Q15 14 12.5 23"),
};

/** Draws the figure over the whole of `canvas`. */
export function drawFigure(canvas, name) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.save();
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(canvas.width / 28, canvas.height / 28);
  context.fillStyle = context.strokeStyle = "#e6e6e6";
  context.lineWidth = 2.4;
  context.lineCap = context.lineJoin = "round";
  FIGURES[name](context);
  context.restore();
}
