/** Seconds in which an authenticator app shows the same code. */
export const CODE_PERIOD = 30;
