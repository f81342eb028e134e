import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { createBackground } from '../../server/mail/background.ts';
import type { Mail } from '../../server/mail/mailer.ts';

const message: Mail = {
  to: 'ada@example.com',
  subject: 'A subject',
  text: 'A text',
  link: 'http://a.example/?token=s',
};

/** Background work with a mailer that fails `failures` times. */
function open(failures: number) {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  let attempts = 0;
  const send = async () => {
    attempts++;
    if (attempts <= failures) throw new Error('The mail server is away');
  };
  const background = createBackground({ mail: { send }, log });
  return { background, attempts: () => attempts, logged: () => lines.map((line) => JSON.parse(line)), lines };
}

test('A mail that a mail server does not take is sent again', async () => {
  const { background, attempts, logged } = open(1);
  background.send(message);
  await background.idle();
  expect(attempts()).toBe(2);
  expect(logged().map(({ level, msg }) => [level, msg])).toEqual([[40, 'a mail is not sent yet']]);
});

test('A mail that fails again and again is in the log in the end, without its link', async () => {
  vi.useFakeTimers();
  try {
    const { background, attempts, logged, lines } = open(99);
    background.send(message);
    await vi.advanceTimersByTimeAsync(200_000);
    expect(attempts()).toBe(4);
    expect(logged().at(-1)).toMatchObject({ level: 50, msg: 'a mail is not sent', to: message.to });
    expect(lines.join('')).not.toContain('token=');
  } finally {
    vi.useRealTimers();
  }
});

test('The end of the service sends what waits, tries again at once, and names what was not sent', async () => {
  const { background, attempts, logged } = open(2);
  background.send(message);
  await expect.poll(attempts).toBe(1);
  await background.drain();
  expect(attempts()).toBe(2);
  expect(logged().at(-1)).toMatchObject({ msg: 'a mail is not sent', to: message.to });

  const working = open(0);
  for (let count = 0; count < 50; count++) working.background.send({ ...message });
  await working.background.drain();
  expect(working.attempts()).toBe(50);
});

test('Work that fails is in the log, and the next work goes on', async () => {
  const { background, logged } = open(0);
  const done: string[] = [];
  background.run(async () => Promise.reject(new Error('A defect')), 'a reset has failed');
  background.run(async () => void done.push('next'), 'a reset has failed');
  await background.idle();
  expect(done).toEqual(['next']);
  expect(logged()).toMatchObject([{ level: 50, msg: 'a reset has failed', err: { message: 'A defect' } }]);
});

test('The end of the service names the work that it no longer waits for', async () => {
  const { background, logged } = open(0);
  background.run(async () => {}, 'a reset has failed');
  for (let count = 0; count < 6; count++) background.run(() => new Promise(() => {}), 'a sign-up has failed');
  await background.drain();
  expect(logged().map(({ level, msg }) => [level, msg])).toEqual(
    Array(6).fill([50, 'a sign-up has failed: the service ended before']),
  );
});
