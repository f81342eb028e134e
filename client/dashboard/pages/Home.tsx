import { Navigate } from 'react-router';
import { PATHS } from '../../../shared/paths.ts';
import { useSession } from '../session.ts';

/** Opens the page that the person most likely wants: the API keys for managers of keys, else the contacts. */
export default function Home() {
  const { may } = useSession();
  return <Navigate to={may('keys:manage') ? PATHS.apiKeys : PATHS.contacts} replace />;
}
