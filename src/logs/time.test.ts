import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { numericTimeOf, parseTime } from './time.ts'

const utc = (...parts: [number, number, number?, number?, number?, number?, number?]) => Date.UTC(...parts)

describe('parseTime', () => {
  it.each([
    ['2024-02-29', utc(2024, 1, 29)],
    ['2024-02', utc(2024, 1, 1)],
    ['2024/2/9', utc(2024, 1, 9)],
    ['2024.02.09', utc(2024, 1, 9)],
    ['2024-02-29T10:20:30Z', utc(2024, 1, 29, 10, 20, 30)],
    ['2024-02-29 10:20', utc(2024, 1, 29, 10, 20)],
    ['2024-02-29 10:20:30.123456', utc(2024, 1, 29, 10, 20, 30, 123)],
    ['2024-02-29T10:20:30+02:00', utc(2024, 1, 29, 8, 20, 30)],
    ['2024-02-29T10:20:30-0530', utc(2024, 1, 29, 15, 50, 30)],
    ['2024-02-29 10:20:30 UTC', utc(2024, 1, 29, 10, 20, 30)],
    ['31.12.2023', utc(2023, 11, 31)],
    ['12/31/2023', utc(2023, 11, 31)],
    ['31/12/2023 23:59', utc(2023, 11, 31, 23, 59)],
    ['3/4/2023 1:05 PM', utc(2023, 2, 4, 13, 5)],
    ['09 13, 2014', utc(2014, 8, 13)],
    ['Nov 5, 2019', utc(2019, 10, 5)],
    ['November 5th, 2019', utc(2019, 10, 5)],
    ['5 Sept 2019', utc(2019, 8, 5)],
    ['5-Sep-2019', utc(2019, 8, 5)],
    ['Tue, 05 Nov 2019 10:00:00 GMT', utc(2019, 10, 5, 10)],
    ['Tue, 05 Nov 2019 10:00:00 +0100', utc(2019, 10, 5, 9)],
    ['Wed Oct 10 20:19:24 +0000 2018', utc(2018, 9, 10, 20, 19, 24)],
    ['Wed Oct 10 20:19:24 2018', utc(2018, 9, 10, 20, 19, 24)],
    ['October 2018', utc(2018, 9, 1)],
    ['2016-12-31T23:59:60Z', utc(2016, 11, 31, 23, 59, 59)],
    ['1700000000', 1700000000_000],
    ['1700000000.5', 1700000000_500],
    ['1.7e9', 1700000000_000],
    ['1700000000123', 1700000000_123],
    ['1700000000123456', 1700000000_123],
    ['1700000000123456789', 1700000000_123],
    ['-86400', -86400_000],
    ['2024-02-29 10:20:30 EST', utc(2024, 1, 29, 15, 20, 30)],
    ['2024-07-01T10:20:30+02:00[Europe/Berlin]', utc(2024, 6, 1, 8, 20, 30)],
    ['2024-07-01 10:20 Europe/Berlin', utc(2024, 6, 1, 8, 20)],
    ['2024-01-01 00:20 America/New_York', utc(2024, 0, 1, 5, 20)],
    ['Wed Oct 10 2018 20:19:24 GMT+0200 (Central European Summer Time)', utc(2018, 9, 10, 18, 19, 24)],
    ['Wed Oct 10 20:19:24 PDT 2018', utc(2018, 9, 11, 3, 19, 24)],
    ['2024-02-29 10:20:30 +0000 UTC', utc(2024, 1, 29, 10, 20, 30)],
    ['2024-02-29 10:20:30.5 -0800 PST', utc(2024, 1, 29, 18, 20, 30, 500)],
    ['3/4/2023 1:05 p.m.', utc(2023, 2, 4, 13, 5)],
    ['20240229T102030Z', utc(2024, 1, 29, 10, 20, 30)],
  ])('reads %s', (text, time) => {
    expect(parseTime(text)).toBe(time)
  })

  it.each([
    '',
    'soon',
    '2023-02-29',
    '2024-13-01',
    '32.01.2024',
    '13/13/2024',
    '2024-01-01 25:00',
    '5 Foo 2019',
    'NaN',
  ])('takes %j for no time', (text) => {
    expect(parseTime(text)).toBeUndefined()
  })

  it('reads slashes in the given order, unless a number above 12 says otherwise', () => {
    expect(parseTime('03/02/2024', { dayFirst: true })).toBe(utc(2024, 1, 3))
    expect(parseTime('03/02/2024', { dayFirst: false })).toBe(utc(2024, 2, 2))
    expect(parseTime('02/13/2024', { dayFirst: true })).toBe(utc(2024, 1, 13))
    expect(parseTime('02.13.2024')).toBe(utc(2024, 1, 13))
  })

  it('takes a zone that is unknown or of several places for no time', () => {
    expect(parseTime('2024-02-29 10:20 IST')).toBeUndefined()
    expect(parseTime('2024-02-29 10:20 Mars/Olympus')).toBeUndefined()
  })

  it('reads years and compact dates where the column holds such', () => {
    expect(parseTime('2019', { numeric: 'year' })).toBe(utc(2019, 0, 1))
    expect(parseTime('20190228', { numeric: 'yyyymmdd' })).toBe(utc(2019, 1, 28))
    expect(parseTime('20190230', { numeric: 'yyyymmdd' })).toBeUndefined()
    expect(numericTimeOf(1998, 2024)).toBe('year')
    expect(numericTimeOf(1, 2024)).toBe('epoch')
    expect(numericTimeOf(19991231, 20240101)).toBe('yyyymmdd')
    expect(numericTimeOf(19991231235959, 20240229102030)).toBe('yyyymmddhhmmss')
    expect(parseTime('20240229102030', { numeric: 'yyyymmddhhmmss' })).toBe(utc(2024, 1, 29, 10, 20, 30))
    expect(numericTimeOf(20240229102030, 20249999999999)).toBe('epoch')
    expect(numericTimeOf(980730861, 1700000000)).toBe('epoch')
  })

  it('gives back what Date writes, and never throws', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(utc(9999, 0)) }), (date) => {
        expect(parseTime(date.toISOString())).toBe(date.getTime())
        expect(parseTime(date.toUTCString())).toBe(Math.floor(date.getTime() / 1000) * 1000)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        const time = parseTime(text)
        expect(time === undefined || Number.isFinite(time)).toBe(true)
      }),
    )
  })
})
