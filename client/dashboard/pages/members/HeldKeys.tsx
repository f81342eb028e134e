import { Checkbox, List, Stack, Text } from '@mantine/core';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { hintOf } from '../apiKeys/keys.ts';
import { LastUse } from '../apiKeys/LastUse.tsx';
import type { Fate } from './fates.ts';

interface HeldKeysProps {
  fates: Fate[];
  /** Takes the ids of the keys to keep. Left out where a person leaves on their own, and so cannot keep keys. */
  onKeep?: (ids: string[]) => void;
}

/** The keys whose fate a removal decides, with a checkbox for each key that may be kept. */
export function HeldKeys({ fates, onKeep }: HeldKeysProps) {
  if (fates.length === 0) return <Text size="sm">{onKeep ? 'This person holds' : 'You hold'} no active key.</Text>;
  if (!onKeep) return <OwnKeys fates={fates} />;
  const kept = fates.filter(({ isKept }) => isKept).map(({ key }) => key.id);
  const ending = fates.filter(({ isEnding }) => isEnding).length;
  const goingOn = fates.length - ending;
  return (
    <Stack gap="sm">
      <Checkbox.Group
        label="Keys that this person holds, and the keys that these issued"
        description="You become the holder of the keys that you keep. What uses a key that ends stops working."
        value={kept}
        onChange={onKeep}
      >
        <Stack gap="xs" mt="sm">
          {fates.map((fate) => (
            <Checkbox
              key={fate.key.id}
              value={fate.key.id}
              ml={indentOf(fate)}
              label={`Keep “${fate.key.name}” (${hintOf(fate.key)})`}
              description={<KeyFate fate={fate} />}
            />
          ))}
        </Stack>
      </Checkbox.Group>
      {fates.length > 1 && (
        <Checkbox
          label="Keep all of them"
          checked={kept.length === fates.length}
          indeterminate={kept.length > 0 && kept.length < fates.length}
          onChange={(event) => onKeep(event.currentTarget.checked ? fates.map(({ key }) => key.id) : [])}
        />
      )}
      <Text size="sm" role="status">
        {ending === 1 ? '1 key ends' : `${ending} keys end`}, {goingOn === 1 ? '1 goes on' : `${goingOn} go on`}.
      </Text>
    </Stack>
  );
}

const OwnKeys = ({ fates }: { fates: Fate[] }) => (
  <Stack gap="xs">
    <Text size="sm">
      You cannot keep keys as you leave. To keep a key, ask another owner or admin to remove you: that person becomes
      its holder. What uses a key that ends stops working.
    </Text>
    <List size="sm" listStyleType="disc" aria-label="Keys that you hold">
      {fates.map((fate) => (
        <List.Item key={fate.key.id} ml={indentOf(fate)}>
          “{fate.key.name}” ({hintOf(fate.key)})
          <Text size="xs" c="dimmed" component="div">
            <KeyFate fate={fate} />
          </Text>
        </List.Item>
      ))}
    </List>
  </Stack>
);

/** Pixels by which a key stands to the right of the key that issued it; three steps at most, for narrow windows. */
const indentOf = ({ depth }: Fate) => Math.min(depth, 3) * 16;

/** Where a key comes from, what becomes of the key, and the secrets of the key that the person holds. */
const KeyFate = ({ fate: { key, issuer, isKept, isEnding } }: { fate: Fate }) => (
  <>
    <LastUse date={key.lastUsedAt} />.{issuer && ` Issued by “${issuer.name}”.`}
    {!key.isHeld && ' Held by others alone.'}
    {key.isHeld && key.isShared && ' Others hold secrets of it too.'}{' '}
    {isEnding ? 'It ends.' : <GoesOn isKept={isKept} isHeld={key.isHeld} />}
    {key.secrets.map((secret) => (
      <Text key={`${secret.expiresAt.getTime()} ${secret.hint}`} span inherit display="block">
        <SecretUse secret={secret} />
      </Text>
    ))}
  </>
);

/** A secret that the person holds: `Secret introzy_1a2b3c4d…: last used 3 hours ago, expires in 5 days.` */
const SecretUse = ({ secret: { hint, expiresAt, lastUsedAt } }: { secret: Fate['key']['secrets'][number] }) => (
  <>
    {hint === null ? 'An older secret' : `Secret ${hintOf({ hint })}`}:{' '}
    {lastUsedAt ? (
      <>
        last used <RelativeTime date={lastUsedAt} />
      </>
    ) : (
      'never used'
    )}
    , expires <RelativeTime date={expiresAt} />.
  </>
);

function GoesOn({ isKept, isHeld }: { isKept: boolean; isHeld: boolean }) {
  if (isHeld) return isKept ? 'It goes on, and you hold it.' : 'It goes on with the secrets of others.';
  return 'It goes on, with its present holder.';
}
