// Ids of users as logs write them -> one spelling: numbers that are equal are one user, words for "no value" are none.

/** Words that programs write where a value is missing: pandas, R, SQL, Python, JavaScript, Excel, dumps of forums. */
export const MISSING_WORDS = [
  ...['nan', 'NaN', 'NAN', '-nan', '-NaN', 'NaT', 'null', 'NULL', 'Null', '(null)', '<null>', '[null]', 'none', 'None'],
  ...['NONE', '<NA>', 'NA', 'N/A', 'n/a', '#N/A', '#NA', '#NULL!', '#N/A N/A', '\\N', '\\\\N', 'nil', 'undefined'],
  ...[
    '#n/a',
    '#VALUE!',
    '#REF!',
    '#DIV/0!',
    '#NUM!',
    '#NAME?',
    '<na>',
    '<NULL>',
    '(NULL)',
    '[NULL]',
    'pd.NA',
    'nat',
    'NAT',
  ],
  ...[
    'NIL',
    'Undefined',
    'UNDEFINED',
    'NoneType',
    '-',
    '--',
    '?',
    '.',
    '""',
    "''",
    '"null"',
    "'null'",
    '"NULL"',
    "'NULL'",
  ],
  ...['1.#IND', '-1.#IND', '1.#QNAN', '-1.#QNAN', '[deleted]', '[removed]', '__HIVE_DEFAULT_PARTITION__'],
]
const MISSING = new Set(MISSING_WORDS)

/** Whether an id is a word for a missing value. */
export const isMissingWord = (id: string): boolean => MISSING.has(id)

/** An id that came as a number and is none that counts anything. */
export const isInfinite = (id: string): boolean => /^[+-]?inf(?:inity)?$/i.test(id)

/** A number that a program wrote as one with a fraction or an exponent: `123.0`, `1.2e+17`. */
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?$/i

/** A whole number without its fraction and exponent, digit by digit; any other text as it is. */
export function wholeNumber(text: string): string {
  const m = DECIMAL.exec(text)
  if (m === null) return text
  const [, sign, whole, fraction = '', exponent = '0'] = m
  const digits = whole + fraction
  const places = whole.length + Number(exponent)
  if (places < 0 || /[1-9]/.test(digits.slice(places))) return text
  const value =
    digits
      .slice(0, places)
      .padEnd(places, '0')
      .replace(/^0+(?=\d)/, '') || '0'
  return sign === '-' && value !== '0' ? `-${value}` : value
}

/** In a column of text: a number with a zero fraction, or with an exponent as spreadsheets and pandas write one. */
export const looksConverted = (text: string): boolean => /^-?(?:(?:0|[1-9]\d*)\.0+|\d(?:\.\d+)?e\+\d{2})$/i.test(text)

/** Whether a number that came with a fraction or an exponent is so large that `type` cannot tell it from the next. */
export function isRounded(written: string, type: string): boolean {
  return /[.e]/i.test(written) && Math.abs(Number(written)) >= (type === 'FLOAT' ? 2 ** 24 : 2 ** 53)
}
