import { PATHS } from '../../../../shared/paths.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';
import { NewAccountForm } from './NewAccountForm.tsx';

export default function SignUp() {
  return (
    <AccountCard
      title="Create an account"
      text="Then you make an organization of your own. To join one that is there, use the link of your invitation."
      links={[{ to: PATHS.signIn, label: 'Sign in instead' }]}
    >
      <NewAccountForm onDone={() => window.location.assign(PATHS.home)} />
    </AccountCard>
  );
}
