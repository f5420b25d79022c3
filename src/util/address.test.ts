import { expect, it } from 'vitest'
import { bareAddresses } from './address.ts'

it.each([
  ['https://b.s3.amazonaws.com/log.jsonl?X-Amz-Signature=abc&X-Amz-Expires=60', 'https://b.s3.amazonaws.com/log.jsonl'],
  ['https://user:secret@host:8443/a/b.csv#token', 'https://host:8443/a/b.csv'],
  ['HTTP://h/v1?key=1', 'HTTP://h/v1'],
  ['postgres://me:pw@db:5432/logs?password=x', 'postgres://db:5432/logs'],
  ["postgresql://me:p#w'/d?@x@db/logs", 'postgresql://db/logs'],
  ['s3://bucket/2024-??.jsonl', 's3://bucket/2024-??.jsonl'],
  ['s3://bucket/a.parquet?s3_secret_access_key=x', 's3://bucket/a.parquet'],
  [
    "bump train --logs 'https://h/a?sig=1' --server 'http://k@h/v1?key=2' --text a",
    "bump train --logs 'https://h/a' --server 'http://h/v1' --text a",
  ],
  ['data/what?.jsonl', 'data/what?.jsonl'],
  ['C://x', 'C://x'],
])('%s is recorded as %s', (given, bare) => {
  expect(bareAddresses(given)).toBe(bare)
})
