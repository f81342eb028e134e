import { Navigate } from 'react-router';
import { PAGES } from '../../../shared/paths.ts';
import { useSession } from '../session.ts';

/** To what the person is most likely here for. */
export default function Home() {
  const { may } = useSession();
  return <Navigate to={may('keys:manage') ? PAGES.apiKeys : PAGES.contacts} replace />;
}
