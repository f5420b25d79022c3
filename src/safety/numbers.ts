// Numbers that name a person or their money, over folded texts: cards, accounts, national ids, IP addresses, phones.
// A checksum decides where a number has one; elsewhere its usual form or the word before it does.
import type { CountryCode } from 'libphonenumber-js/max'
import { phones, validator } from './libraries.ts'
import { type Span, spans } from './links.ts'

/** Words before a number that say it is something else. */
const HARMLESS =
  /(?:isbn(?:-1[03])?|issn|ean|upc|gtin|sku|asin|doi|arxiv|pmid|rfc|patent|version|release|build|firmware|kernel|v|model|part|order|bestellung|bestellnummer|artikel|commande|pedido|ordine|bestelling|encomenda|invoice|rechnung|facture|factura|fattura|factuur|fatura|ticket|issue|page|seite|lot|serial)(?: (?:no|nr|number|nummer|numero|n))?[ .:#°"-]{0,3}$/i
const PHONE_WORD =
  /(?:phone|telephone|tel|call|calls|ring|text|sms|mobile|cell|cellphone|whatsapp|signal|fax|hotline|reach(?:ed|able)?(?: (?:him|her|them|me))?(?: (?:at|on|under))?|dial|number is|contact(?: number)?|telefon|telefonnummer|handy|handynummer|mobil|mobilnummer|rufnummer|anruf|anrufen|erreichbar(?: unter)?|telefone|telephone|portable|appeler|appelez|joignable(?: au)?|joindre|numero|movil|llamar|llamame|llame|telefono|mobiel|telefoonnummer|telefoon|bellen|bel|telemovel|celular|ligar|ligue|zap|ruf|tfno|tlfn?|fixo|fisso|festnetz|ligne fixe|landline|cellulare|chiamare|chiama|chiamami)[^\p{L}\p{N}]{0,4}(?:(?:at|on|is|under|unter|au|al|op|no|em|il|me|him|her|them|mich|ist|est|es|number|nummer|numero|n)[^\p{L}\p{N}]{1,4}){0,3}$/iu
const ACCOUNT =
  /\b(?:account|acct|a\/c|nib|rib|bankverbindung|bank details|konto|kontonummer|kontonr|kto|compte|cuenta|rekening|rekeningnummer|conta|conto|sort code|routing|aba|blz|bankleitzahl|iban|clabe)\b(?:[ .:#-]{0,3}(?:bancari[ao]|bancaire|courant|corrente|number|no|nr|nummer|numero|n|is|ist|est|es|e|und|and)\b){0,2}[ .:#°-]{0,3}([A-Z]{0,3}-?\d[A-Z0-9]{0,24}(?:[ ./-](?=[A-Z0-9]{0,9}\d|[A-Z](?![A-Z0-9]))[A-Z0-9]{1,10}){0,8})(?![A-Z0-9])/giu
const IDENTITY =
  /\b(?:passport|reisepass|personalausweis|ausweis|ausweisnummer|passeport|carte d'identite|pasaporte|paspoort|passaporto|passaporte|bsn|burgerservicenummer|nif|contribuinte|numero fiscal|partita iva|nie|dni|cpf|rg|cartao de cidadao|codice fiscale|steuer-?id|steuernummer|steueridentifikationsnummer|sozialversicherungsnummer|svnr|tax id|tin|social security|social insurance|sin|ssn|nhs|national insurance|nino|nir|numero de securite sociale|securite sociale|driver'?s licen[cs]e|driving licen[cs]e|fuhrerschein|permis de conduire|rijbewijs|patente di guida)\b(?:[ .:#-]{0,3}(?:number|no|nr|nummer|numero|n|id|is|ist|est|es|e)\b){0,3}[ .:#°-]{0,3}([A-Z]{0,3}[ -]?\d[A-Z0-9]{0,24}(?:[ ./-](?=[A-Z0-9]{0,9}\d|[A-Z](?![A-Z0-9]))[A-Z0-9]{1,10}){0,8})(?![A-Z0-9])/giu
const CARD = /(?<![\p{L}\d.,-])\d(?:[ -]?\d){12,18}(?![\d\p{L}])/gu
const IBAN = /(?<![\p{L}\p{N}])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/giu
const IPV4 = /(?<![\d.\p{L}])(?:\d{1,3}\.){3}\d{1,3}(?![\d\p{L}]|\.\d)(?:\/\d{1,2})?/gu
const IPV6 = /(?<![\p{L}\p{N}:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,8}(?![\p{L}\p{N}:])/giu
const PHONE =
  /(?<![\p{L}\d.,/:-])(?:\+|00|011[ -])?[ ]?\(?\d(?:[ ()./-]{0,3}\d){5,15}(?:,? ?(?:ext|extension|x|poste|durchwahl|dw)\.? ?\d{1,6})?(?![\d\p{L}]|[.,/:-]\d)/giu
/** Ways in which a phone number of the country itself is written, without a word before it. */
const NATIONAL_FORM =
  /^(?:\(0?\d{2,5}\) ?[\d ./-]{5,14}|0\d{8,11}|0\d{1,4}[ /-][\d /-]{5,12}|0\d(?:[ .]\d{2}){4}|(?:1[ .-])?[2-9]\d{2}([ .-])[2-9]\d{2}\1\d{4}|[679]\d{2} \d{3} \d{3}|[679]\d{2} \d{2} \d{2} \d{2}|3\d{2} \d{3} ?\d{4})$/

/** Ids of one form, and what says that a number of this form is one. */
const NATIONAL_IDS: readonly { form: RegExp; holds: (id: string) => boolean }[] = [
  // USA: no area 000, 666 or 9xx, and no group of zeros (ssa.gov, "SSN randomization").
  { form: /(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/gu, holds: () => true },
  // United Kingdom: National Insurance number (gov.uk, NIM39110).
  {
    form: /(?<![\p{L}\p{N}])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![\p{L}\p{N}])/gu,
    holds: () => true,
  },
  {
    form: /(?<![\p{L}\p{N}])(?:\d{8}|[XYZ][ -]?\d{7})[ -]?[A-Z](?![\p{L}\p{N}])/giu,
    holds: (id) => validator().isTaxID(bare(id), 'es-ES'),
  },
  {
    form: /(?<![\p{L}\p{N}])[A-Z]{6} ?[0-9L-V]{2}[A-EHLMPRST][0-9L-V]{2} ?[A-Z][0-9L-V]{3} ?[A-Z](?![\p{L}\p{N}])/giu,
    holds: (id) => validator().isTaxID(bare(id), 'it-IT'),
  },
  { form: /(?<![\d.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)/gu, holds: (id) => validator().isTaxID(id, 'pt-BR') },
  {
    form: /(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?!\d)/giu,
    holds: isFrenchSecurityNumber,
  },
]

/** Payment cards: 13 to 19 digits with the beginning of an issuer and Luhn's check digit. */
export function cards(text: string): Span[] {
  return spans(text, CARD).filter((span) => validator().isCreditCard(slice(text, span).replace(/[ -]/g, '')))
}

/** IBANs by their check digits, and numbers that a word such as "account" or "Konto" stands before. */
export function accounts(text: string): Span[] {
  const ibans = spans(text, IBAN).flatMap((span) => ibanWithin(text, span) ?? [])
  return [...ibans, ...lastGroups(text, ACCOUNT)]
}

/** National ids that have a form or a check digit of their own, and numbers after a word such as "passport". */
export function nationalIds(text: string): Span[] {
  const byForm = NATIONAL_IDS.flatMap(({ form, holds }) => spans(text, form).filter((span) => holds(slice(text, span))))
  return [...byForm, ...lastGroups(text, IDENTITY)]
}

/** Addresses of IP 4, but for versions of four parts that are called so, and of IP 6. */
export function ipAddresses(text: string): Span[] {
  const fours = spans(text, IPV4).filter((span) => !isHarmless(text, span))
  return [...fours, ...spans(text, IPV6)].filter((span) => validator().isIP(slice(text, span).replace(/\/\d+$/, '')))
}

/**
 * Telephone numbers: international ones that are possible, and those of `countries` that are valid there and written
 * as phone numbers are, or stand behind a word such as "call".
 */
export function phoneNumbers(text: string, countries: readonly CountryCode[]): Span[] {
  return spans(text, PHONE).filter((span) => {
    if (isHarmless(text, span)) return false
    const number = slice(text, span).trim()
    if (/^(?:\+|00|011)/.test(number)) return isInternational(number)
    const called = PHONE_WORD.test(text.slice(Math.max(0, span.start - 60), span.start))
    if (!called && (!NATIONAL_FORM.test(number) || isDateOrTime(number))) return false
    return called || countries.some((country) => phones().parsePhoneNumberFromString(number, country)?.isValid())
  })
}

function isInternational(number: string): boolean {
  const plus = number.replace(/^(?:00|011[ -]?)/, '+')
  return phones().parsePhoneNumberFromString(plus)?.isPossible() === true
}

function isDateOrTime(number: string): boolean {
  return /^\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}$|^(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}$/.test(number)
}

function isHarmless(text: string, { start }: Span): boolean {
  return HARMLESS.test(text.slice(Math.max(0, start - 40), start))
}

function slice(text: string, { start, end }: Span): string {
  return text.slice(start, end)
}

function bare(id: string): string {
  return id.replace(/[ -]/g, '')
}

/** The IBAN that a stretch of letters and digits begins with: words may stand behind it. */
function ibanWithin(text: string, { start, end }: Span): Span | undefined {
  for (let last = end; last - start >= 15; last--)
    if (/[A-Z0-9]/i.test(text[last - 1]) && validator().isIBAN(bare(text.slice(start, last))))
      return { start, end: last }
  return undefined
}

/** Where the one group of a pattern stands, which ends each match, if it has five digits or more. */
function lastGroups(text: string, pattern: RegExp): Span[] {
  return [...text.matchAll(pattern)].flatMap(({ index, 0: found, 1: number }) => {
    const end = index + found.length
    return number.replace(/\D/g, '').length < 5 ? [] : { start: end - number.length, end }
  })
}

/** Key = 97 − (number mod 97), Corsica's 2A and 2B counting as 19 and 18 (INSEE, "NIR"). */
function isFrenchSecurityNumber(id: string): boolean {
  const digits = bare(id).toUpperCase().replace('2A', '19').replace('2B', '18')
  return 97 - (Number(digits.slice(0, 13)) % 97) === Number(digits.slice(13))
}
