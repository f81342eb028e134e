import { Button, Container, Stack, Text, Title } from '@mantine/core';
import { Component, type ReactNode } from 'react';

/** Shows a notice in place of a page that fails, by a defect or because a part of the page could not be loaded. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override render() {
    if (!this.state.hasFailed) return this.props.children;
    return (
      <Container component="main" size="xs" py="xl">
        <Stack>
          <Title order={1}>This page could not be shown</Title>
          <Text>Nothing that you saved is lost. Load it again; if that does not help, sign out and in.</Text>
          <Button onClick={() => window.location.reload()}>Load again</Button>
        </Stack>
      </Container>
    );
  }
}
