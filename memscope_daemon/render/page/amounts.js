// Figures as words: the same words as render/amounts.py, which a test holds this file to.

const DASH = "\u2013";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const COUNT_UNITS = ["", "k", "M", "G", "T"];
const FAR = 100; // an upper end so many times the value is shown in a unit of its own
const SMALL_ERROR = 0.0005; // of the value; a smaller one is not worth words

// toFixed rounds a tie up, Python to the even neighbour. A tie is an odd multiple of 1/2, 1/4, 1/8 for 0, 1, 2
// places: no other fraction with a 5 at its end is a binary one.
function fixed(value, places) {
  const parts = value * 2 ** (places + 1);
  if (!Number.isInteger(parts) || parts % 2 === 0) return value.toFixed(places);
  const below = Math.floor(value * 10 ** places);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** places).toFixed(places);
}

function digits(value, index) {
  if (!Number.isFinite(value)) return "∞";
  if (index === 0) return fixed(value, 0);
  if (value < 9.995) return fixed(value, 2);
  return value < 99.95 ? fixed(value, 1) : fixed(value, 0);
}

// All values in the unit that suits the first of them.
function scaled(values, units, base) {
  let size = Math.abs(values[0]);
  let index = 0;
  while (size >= 999.5 && size < Infinity && index < units.length - 1) {
    size /= base;
    index += 1;
  }
  return values.map((value) => `${digits(value / base ** index, index)} ${units[index]}`.trimEnd());
}

function isBytes(measure) {
  return measure.endsWith("_bytes");
}

function valueText(value, measure) {
  if (isBytes(measure)) return scaled([value], UNITS, 1024)[0];
  return scaled([value], COUNT_UNITS, 1000)[0].replace(" ", "");
}

// An estimate: {value, low, high, samples, exact}; a bound that nothing bounds is null in JSON.
function estimateText(estimate, measure) {
  const { value, low } = estimate;
  const high = estimate.high === null ? Infinity : estimate.high;
  if (estimate.exact) return `= ${valueText(value, measure)}`;
  if (value === 0) return `0 (0${DASH}${valueText(high, measure)})`;
  if (high >= FAR * value) {
    return `${valueText(value, measure)} (${valueText(low, measure)}${DASH}${valueText(high, measure)})`;
  }
  if (isBytes(measure)) {
    const texts = scaled([value, low, high], UNITS, 1024);
    return `${texts[0]} (${texts[1].split(" ")[0]}${DASH}${texts[2].split(" ")[0]})`;
  }
  const texts = scaled([value, low, high], COUNT_UNITS, 1000).map((text) => text.replace(" ", ""));
  return `${texts[0]} (${texts[1]}${DASH}${texts[2]})`;
}

function estimateOf(document, name) {
  return {
    value: document[name],
    low: document[`${name}_low`],
    high: document[`${name}_high`],
    samples: document[`${name}_samples`],
    exact: document[`${name}_exact`],
  };
}

function wholeText(count) {
  return Math.round(count).toLocaleString("en-US");
}

function percentText(share) {
  const percent = 100 * share;
  return `${percent >= 9.95 ? fixed(percent, 0) : fixed(percent, 1)} %`;
}

// A sum with its standard error: {value, variance, samples}.
function amountText(amount, measure) {
  const error = amount.value > 0 ? Math.sqrt(amount.variance) / amount.value : 0;
  const around = error >= SMALL_ERROR ? ` ± ${percentText(error)}` : "";
  const samples = amount.samples === 1 ? "1 sample" : `${wholeText(amount.samples)} samples`;
  return `${valueText(amount.value, measure)}${around}, ${samples}`;
}
