import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mute, type MuteSettings } from './mute.ts';

const night: MuteSettings = { name: 'night', match: [], days: [], from: '22:00', to: '06:00', timeZone: 'UTC' };
const muted = (settings: Partial<MuteSettings>, time: string): boolean =>
  new Mute({ ...night, ...settings }).mutes({ team: 'a' }, Date.parse(time));

test('a window over midnight holds on both sides of it', () => {
  assert.equal(muted({}, '2026-03-02T21:59:59Z'), false);
  assert.equal(muted({}, '2026-03-02T22:00:00Z'), true);
  assert.equal(muted({}, '2026-03-03T05:59:59Z'), true);
  assert.equal(muted({}, '2026-03-03T06:00:00Z'), false);
});

test('days are those on which the window begins', () => {
  // 2026-03-02 is a Monday.
  assert.equal(muted({ days: ['mon'] }, '2026-03-02T23:00:00Z'), true);
  assert.equal(muted({ days: ['mon'] }, '2026-03-03T05:00:00Z'), true);
  assert.equal(muted({ days: ['mon'] }, '2026-03-02T05:00:00Z'), false);
  assert.equal(muted({ days: ['mon'] }, '2026-03-03T23:00:00Z'), false);
  assert.equal(muted({ days: ['sat', 'sun'], from: '00:00', to: '24:00' }, '2026-03-07T12:00:00Z'), true);
  assert.equal(muted({ days: ['sat', 'sun'], from: '00:00', to: '24:00' }, '2026-03-06T23:59:00Z'), false);
});

test('the clock is that of the time zone, summer time included', () => {
  const berlin = { timeZone: 'Europe/Berlin', from: '09:00', to: '10:00' };
  assert.equal(muted(berlin, '2026-01-15T08:30:00Z'), true);
  assert.equal(muted(berlin, '2026-07-15T08:30:00Z'), false);
  assert.equal(muted(berlin, '2026-07-15T07:30:00Z'), true);
});

test('only what matches is muted', () => {
  assert.equal(muted({ match: ['team=a'] }, '2026-03-02T23:00:00Z'), true);
  assert.equal(muted({ match: ['team=b'] }, '2026-03-02T23:00:00Z'), false);
});

test('a time zone that there is not is an error of the configuration', () => {
  assert.throws(() => new Mute({ ...night, timeZone: 'Middle/Earth' }), /Middle\/Earth/);
});
