import { RelativeTime } from '../../components/RelativeTime.tsx';

/** The time of a last use in words: `Last used 3 hours ago`, or `Never used`. */
export const LastUse = ({ date }: { date: Date | null }) =>
  date ? (
    <>
      Last used <RelativeTime date={date} />
    </>
  ) : (
    'Never used'
  );
