// Postal addresses in seven languages, over folded texts: a street with a number, and what belongs to a place. Streets
// alone, and names of towns, are left: they are as often a topic as somebody's home.
import { type Span, spans } from './links.ts'

/** A capitalised word of a name, or one of the small ones between them. */
const NAME = "\\p{Lu}(?:\\.|[\\p{L}'-]{0,30})"
const SMALL = "(?:of|the|and|de|du|des|da|do|das|dos|del|della|dei|delle|di|la|le|les|l'|d'|den|der|van|y|e)"
const NUMBER =
  '\\d{1,5}(?:[-/]\\d{1,4})?(?:[a-z]\\b| ?[A-Z]\\b)?(?![\\d.,]*\\d)(?! ?(?:km|m|mi|miles|metres|Uhr|Euro|Jahre|mal|years|euros|metros)\\b)'
const NAMES = `(?:(?:${SMALL} ?){0,2}${NAME} ?){1,4}`
/** Behind the street: a flat, a code, a town, a state. */
const FLAT =
  '(?:,? (?:\\d{1,2}o(?: [A-D])?(?![\\p{L}\\d])|(?:#|(?:[Aa]pt|[Aa]partment|[Ff]lat|[Uu]nit|[Ss]uite|[Ss]te|[Ff]loor|[Aa]ppt|[Bb]at|[Pp]iso|[Aa]ndar|[Aa]pto|[Ii]nterno|[Bb]us|[Ww]ohnung)\\b)\\.? ?#?[\\p{L}\\d]{1,5}))?'
const TOWN = `(?:${NAME})(?:[ -](?:${SMALL} ?)?${NAME}){0,3}`
const PLACE = `(?:,? (?:(?:\\p{Lu}{1,2}-)?\\d{4,5}(?:-\\d{3,4})?(?: ?[A-Z]{2}(?= ))? ${TOWN}|(?:[NS][EW], )?${TOWN}(?:, | )(?:[A-Z]{2} )?(?:\\d{5}(?:-\\d{4})?|[A-Z]{1,2}\\d[A-Z\\d]? ?\\d[A-Z]{2})|(?<=, )${TOWN}))?`

const ENGLISH =
  '(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Terrace|Way|Close|Crescent|Cres|Gardens|Gdns|Mews|Parkway|Pkwy|Highway|Hwy|Grove|Hill|Walk|Row|Circle|Loop|Esplanade|Quay|Wharf|Promenade|Trail|Alley|Place|Pl)'
const GERMAN =
  '(?!(?:Der|Die|Das|Dem|Den|Im|Ein|Mein|Sein|Ihr|Jeder) )(?:\\p{Lu}[\\p{Ll}\\p{Lu}-]{1,30}(?:stra(?:ss|ß)e|str\\.|weg|platz|allee|gasse|damm|ufer|steig|chaussee)|(?:\\p{Lu}[\\p{L}-]{1,25}[ -]){1,3}(?:Stra(?:ss|ß)e|Str\\.|Allee|Platz|Weg|Damm|Ufer|Ring))'
const DUTCH =
  '(?:\\p{Lu}[\\p{Ll}]{1,25} ){0,2}\\p{Lu}?[\\p{Ll}]{2,25}(?:straat|laan|gracht|plein|kade|dijk|singel|weg|markt)'
const ROMANCE =
  '(?:Calle|C/|Avenida|Avda\\.?|Av\\.|Paseo|Plaza|Carrer|Camino|Ronda|Via|Viale|V\\.le|Piazza|Piazzale|Corso|Largo|Vicolo|Rua|R\\.|Travessa|Praca|Alameda|Estrada)'
const FRENCH =
  '(?:[Rr]ue|[Aa]venue|[Aa]v\\.|[Bb]oulevard|[Bb][dl]d?|[Pp]lace|[Cc]hemin|[Ii]mpasse|[Aa]llee|[Qq]uai|[Rr]oute|[Cc]ours|[Pp]assage)'

/** Any name and number before a postal code and a town; a code that looks like a year is none. */
const BEFORE_TOWN = `(?<![\\p{L}\\p{N}])${NAMES}${NUMBER}${FLAT}, (?:\\p{Lu}{1,2}-)?(?:\\d{5}|(?!(?:19|20)\\d\\d )\\d{4}(?: [A-Z]{2}|-\\d{3})?) ${TOWN}`

const STREETS = [
  `(?<![\\p{L}\\p{N}])${NUMBER} (?:[NSEW]\\.? )?(?:${NAME} |\\d{1,3}(?:st|nd|rd|th) ){1,4}${ENGLISH}\\b\\.?`,
  `(?<![\\p{L}\\p{N}])(?:${GERMAN}|${DUTCH}) ${NUMBER}`,
  `(?<![\\p{L}\\p{N}])\\d{1,4}(?: ?(?:bis|ter|quater))?,? ${FRENCH} ${NAMES}`,
  BEFORE_TOWN,
  `(?<![\\p{L}\\p{N}])${ROMANCE} ?${NAMES},? ?(?:n\\.?[ºo°]? ?|num\\. ?|numero )?${NUMBER}`,
]
const STREET = new RegExp(`(?:${STREETS.join('|')})${FLAT}${PLACE}`, 'gu')
const BOX =
  /(?<![\p{L}\p{N}])(?:P\.? ?O\.? ?Box|Postfach|Postbus|Boite postale|BP|Apartado(?: de correos)?|Casella postale|Caixa postal) \d[\d ]{0,8}(?!\d)/giu
/** British and Canadian codes have a form of their own; American ones stand behind a state. */
const CODES =
  /(?<![\p{L}\p{N}-])(?:(?:GIR 0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y]) \d[ABD-HJLNP-UW-Z]{2})|[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d)(?![\p{L}\p{N}-])/gu
const STATE =
  'AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY'
const AMERICAN = new RegExp(`(?<![\\p{L}\\p{N}])${TOWN}, (?:${STATE}) \\d{5}(?:-\\d{4})?(?!\\d)`, 'gu')

/** Streets with their number, boxes, and the codes of Britain, Canada and the United States. */
export function postalAddresses(text: string): Span[] {
  return [STREET, BOX, AMERICAN, CODES].flatMap((pattern) => spans(text, pattern)).map(trimmed(text))
}

function trimmed(text: string): (span: Span) => Span {
  return ({ start, end }) => ({ start, end: start + text.slice(start, end).trimEnd().length })
}
