import { Navigate } from 'react-router';
import { PATHS } from '../../../shared/paths.ts';
import { useSession } from '../session.ts';

/** To what the person is most likely here for. */
export default function Home() {
  const { may } = useSession();
  return <Navigate to={may('keys:manage') ? PATHS.apiKeys : PATHS.contacts} replace />;
}
