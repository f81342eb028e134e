import { AppShell, Burger, Group, Image, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import { Navigate, Outlet, useLocation } from 'react-router';
import { PATHS } from '../../../shared/paths.ts';
import { FACTOR_NEEDED } from '../../../shared/refusals.ts';
import { detailsOf } from '../api.ts';
import { ErrorBoundary } from '../components/ErrorBoundary.tsx';
import { PageLoading } from '../components/PageLoading.tsx';
import { ErrorState } from '../components/states.tsx';
import icon from '../icon.svg';
import { SessionProvider, useAccountQuery, useSessionQuery } from '../session.ts';
import { Navigation } from './Navigation.tsx';
import { OrganizationMenu } from './OrganizationMenu.tsx';
import { PersonMenu } from './PersonMenu.tsx';

const FactorNeeded = lazy(() => import('../pages/account/FactorNeeded.tsx'));
const NoOrganization = lazy(() => import('../pages/account/NoOrganization.tsx'));

/**
 * The frame of a signed-in person's pages. Without a session, leads to the sign-in page; without an organization, shows
 * `NoOrganization`; without the second factor that the organization requires, `FactorNeeded`.
 */
export default function Shell() {
  const session = useSessionQuery();
  const isRefused = detailsOf(session.error, 401) !== undefined;
  const account = useAccountQuery(isRefused);
  const { pathname, search } = useLocation();
  const [isOpen, { toggle, close }] = useDisclosure();

  if (session.isPending || (isRefused && account.isPending)) return <PageLoading />;
  if (isRefused && account.data) return <NoOrganization email={account.data.user.email} />;
  if (isRefused && !account.error) {
    return <Navigate to={`${PATHS.signIn}?${new URLSearchParams({ next: pathname + search })}`} replace />;
  }
  if (detailsOf(session.error, 403)?.reason === FACTOR_NEEDED) return <FactorNeeded />;
  if (!session.data) return <ErrorState error={session.error} onRetry={() => session.refetch()} />;
  return (
    <SessionProvider value={session.data}>
      <a href="#main" className="skip-link">
        Skip to the content
      </a>
      <AppShell
        header={{ height: 56 }}
        navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
        padding="md"
      >
        <AppShell.Header>
          <Group h="100%" px="md" justify="space-between" wrap="nowrap">
            <Group gap="sm" wrap="nowrap" miw={0}>
              <Burger
                opened={isOpen}
                onClick={toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={isOpen ? 'Close the navigation' : 'Open the navigation'}
                aria-expanded={isOpen}
              />
              <Image src={icon} alt="" w={26} h={26} />
              <Text fw={600} visibleFrom="xs">
                Introzy
              </Text>
              <OrganizationMenu />
            </Group>
            <PersonMenu />
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="sm" aria-label="Pages">
          <Navigation onNavigate={close} />
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1}>
          <ErrorBoundary key={pathname}>
            <Suspense fallback={<PageLoading />}>
              <Outlet />
            </Suspense>
          </ErrorBoundary>
        </AppShell.Main>
      </AppShell>
    </SessionProvider>
  );
}
