import { Button, Container, Stack, Text, Title } from '@mantine/core';
import { Component, type ReactNode } from 'react';

/** What is shown where a page itself fails: a defect, or a part of it that could not be loaded. */
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
