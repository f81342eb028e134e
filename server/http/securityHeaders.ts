/**
 * The headers of every answer, for browsers. No page of another origin may load an answer as a picture, a script or the
 * like. A `fetch` with CORS is another matter, which `Cross-Origin-Resource-Policy` does not touch. The features that the
 * dashboard needs, the clipboard and passkeys, are not named: this origin alone has them anyway.
 */
const ALWAYS = {
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': [
    'accelerometer',
    'camera',
    'display-capture',
    'geolocation',
    'gyroscope',
    'magnetometer',
    'microphone',
    'midi',
    'payment',
    'usb',
  ]
    .map((feature) => `${feature}=()`)
    .join(', '),
};

/** Over https also: a browser asks this host, and the hosts below it, over https alone, for a year. */
const OVER_HTTPS = { ...ALWAYS, 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' };

export const securityHeaders = (isHttps: boolean): Readonly<Record<string, string>> => (isHttps ? OVER_HTTPS : ALWAYS);

interface Way {
  publicUrl: string;
  /** The header `X-Forwarded-Proto`; `null` where there is none, or where no proxy's word is taken. */
  forwardedProto: string | null;
}

/** Whether a request came over https: `PUBLIC_URL` says so, or a proxy of ours did, which wrote the last entry. */
export const isOverHttps = ({ publicUrl, forwardedProto }: Way): boolean =>
  publicUrl.startsWith('https:') || forwardedProto?.split(',').at(-1)?.trim().toLowerCase() === 'https';
