import { Center, Loader, VisuallyHidden } from '@mantine/core';

/** Stands where a page will be. */
export function PageLoading() {
  return (
    <Center mih="60vh" role="status">
      <Loader aria-hidden />
      <VisuallyHidden>Loading</VisuallyHidden>
    </Center>
  );
}
